"""Pieces: from keyframe to keyframe, the same whenever their fragments were seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.fragments.fragment import Fragment
from orchestrator.hls.pieces import TARGET_S, Piece, PieceMaker, pieces_of
from orchestrator.hls.saved import packed, unpacked


def _fragments(*lengths_s: float, keys: tuple[int, ...] = (0,)) -> list[Fragment]:
    found, at_s = [], 0.0
    for number, length_s in enumerate(lengths_s):
        key = number in keys
        found.append(Fragment(number, number * 100, 100, at_s, at_s + length_s, key))
        at_s += length_s
    return found


def test_a_piece_is_whole_when_a_keyframe_has_to_follow() -> None:
    maker = PieceMaker(copied=False)
    one, two, three = _fragments(1.0, 1.0, 1.0, keys=(0, 2))
    assert maker.add(one) == []
    (piece,) = maker.add(two)
    assert (piece.number, piece.begin_s, piece.end_s, piece.independent) == (0, 0.0, 2.0, True)
    assert piece.fragments == (one, two)
    assert maker.add(three) == []
    assert [piece.number for piece in maker.close()] == [1]


def test_of_copied_frames_it_ends_where_the_next_keyframe_is() -> None:
    fragments = _fragments(*[1.0] * 9, keys=(0, 4, 5, 8))
    assert [piece.length_s for piece in pieces_of(fragments, copied=True)] == [4.0, 4.0, 1.0]


def test_without_keyframes_pieces_end_all_the_same() -> None:
    pieces = pieces_of(_fragments(*[1.0] * 20), copied=True)
    assert [piece.length_s for piece in pieces] == [7.0, 7.0, 6.0]
    assert [piece.independent for piece in pieces] == [True, False, False]


def test_audio_alone_has_pieces_of_two_seconds() -> None:
    fragments = _fragments(*[1.0] * 6, keys=tuple(range(6)))
    assert [piece.length_s for piece in pieces_of(fragments, copied=False)] == [2.0, 2.0, 2.0]


_LENGTHS = st.lists(
    st.tuples(st.floats(0.02, 1.2, allow_nan=False), st.booleans()), min_size=1, max_size=60
)


@given(_LENGTHS, st.booleans())
def test_every_fragment_is_in_one_piece_and_none_is_longer_than_promised(
    given_: list[tuple[float, bool]], copied: bool
) -> None:
    keys = tuple(number for number, (_, key) in enumerate(given_) if key)
    fragments = _fragments(*(length_s for length_s, _ in given_), keys=keys)
    pieces = pieces_of(fragments, copied=copied)
    assert [one for piece in pieces for one in piece.fragments] == fragments
    assert [piece.number for piece in pieces] == list(range(len(pieces)))
    assert all(round(piece.length_s) <= TARGET_S[copied] for piece in pieces)
    assert sum(piece.length_s for piece in pieces) == pytest.approx(fragments[-1].end_s)


@given(_LENGTHS)
def test_those_that_are_kept_are_read_as_they_were(given_: list[tuple[float, bool]]) -> None:
    pieces = pieces_of(_fragments(*(length_s for length_s, _ in given_)), copied=False)
    found = unpacked(packed(pieces))
    assert [(p.number, p.begin_s, p.end_s, p.independent) for p in found] == [
        (p.number, p.begin_s, p.end_s, p.independent) for p in pieces
    ]


@pytest.mark.parametrize("damaged", [b"", b"x", packed([])[:-1]])
def test_damaged_ones_are_an_error(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        unpacked(damaged)


def _spans(pieces: list[Piece]) -> list[tuple[float, float, bool]]:
    return [(piece.begin_s, piece.end_s, piece.independent) for piece in pieces]


def test_a_piece_ends_where_nothing_comes_for_long() -> None:
    fragments = [Fragment(n, 0, 1, at, at + 0.2, not n) for n, at in enumerate((0.0, 1.0, 6.0))]
    pieces = pieces_of(fragments, copied=True)
    assert _spans(pieces) == [(0.0, 2.2, True), (6.0, 6.2, False)]
    assert [piece.gap for piece in pieces] == [False, True]


@pytest.mark.parametrize("copied", [True, False])
def test_none_is_longer_than_the_target_where_fragments_are_long(copied: bool) -> None:
    pieces = pieces_of(_fragments(1.0, 5.0, 1.0, 9.0, keys=(0,)), copied=copied)
    assert all(piece.length_s <= TARGET_S[copied] for piece in pieces)
    assert [one.number for piece in pieces for one in piece.fragments] == [0, 1, 2, 3]


def test_after_a_keyframe_out_of_turn_pieces_begin_with_keyframes_again() -> None:
    third = 1 / 3
    fragments = _fragments(*[third] * 30, keys=(0, 4, 10, 16, 22, 28))
    independent = [piece.independent for piece in pieces_of(fragments, copied=False)]
    assert independent == [True, False, True, True, True, True]


def test_audio_goes_on_where_video_has_few_frames() -> None:
    shown = (Fragment(0, 0, 1, 0.0, 0.0, True, (0.0, 1.18)),)
    voice = [
        Fragment(n, 0, 1, 1.2 * n, 1.2 * n + 1.2, False, (1.2 * n, 1.2 * n + 1.18))
        for n in range(1, 6)
    ]
    later = Fragment(6, 0, 1, 8.3, 8.3, False, (7.2, 8.38))
    pieces = pieces_of([*shown, *voice, later], copied=True)
    assert pieces[0].begin_s == 0.0
    assert [piece.gap for piece in pieces] == [False, False]
    assert pieces[1].begin_s == pieces[0].end_s == pytest.approx(7.2)
    assert pieces[1].end_s > 8.38


def test_audio_before_the_first_frame_of_video_is_in_the_first_piece() -> None:
    first = Fragment(0, 0, 1, 0.3, 1.3, True, (0.0, 1.28))
    assert pieces_of([first], copied=True)[0].begin_s == 0.0
