"""The mix is continuous and in order, whatever comes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from orchestrator.pipes.limiter import Sum
from orchestrator.pipes.mixer import MAX_STRETCH, WINDOW_SAMPLES, Mixer, samples_at, stretch
from orchestrator.pipes.timeline_items import Samples

FRAME = 960


def tone(value: int, count: int = FRAME) -> Samples:
    """A frame of one value: easy to find again."""
    return np.full((count, 2), value, np.int16)


def expecting(*sids: str) -> Mixer:
    mixer = Mixer()
    mixer.expect(frozenset(sids))
    return mixer


def joined(pieces: list[Sum]) -> NDArray[np.int32]:
    """All samples given out."""
    blank = [p.samples if p.samples is not None else np.zeros((p.count, 2), "i4") for p in pieces]
    assert [len(samples) for samples in blank] == [piece.count for piece in pieces]
    return np.concatenate(blank) if blank else np.zeros((0, 2), np.int32)


def test_frames_back_to_back_come_out_as_they_went_in() -> None:
    mixer, out = expecting("a"), []
    for n in range(10):
        mixer.push("a", n * FRAME, tone(n + 1))
        out += mixer.pull(mixer.ready)
    assert (joined(out)[::FRAME, 0] == np.arange(1, 11)).all()
    assert mixer.statistics().filled == 0


def test_a_gap_is_silence_of_its_length() -> None:
    mixer = Mixer()
    mixer.push("a", 0, tone(5))
    mixer.push("a", 3 * FRAME, tone(6))
    samples = joined(mixer.pull(mixer.ready))
    assert len(samples) == 4 * FRAME
    assert (samples[FRAME : 3 * FRAME] == 0).all()
    assert (samples[3 * FRAME :] == 6).all()
    assert mixer.statistics().filled == 2 * FRAME


def test_silence_at_the_end_costs_no_memory() -> None:
    mixer = Mixer()
    (item,) = mixer.pull(3600 * 48_000)
    assert item.samples is None
    assert item.count == 3600 * 48_000


def test_two_publications_are_added_and_not_clipped() -> None:
    mixer = expecting("a", "b")
    mixer.push("a", 0, tone(30_000))
    assert mixer.ready == 0
    mixer.push("b", 0, tone(10_000))
    assert (joined(mixer.pull(mixer.ready)) == 40_000).all()


def test_the_slower_publication_is_waited_for() -> None:
    mixer = expecting("a", "b")
    mixer.push("a", 0, tone(1, 2 * FRAME))
    mixer.push("b", 0, tone(2, FRAME))
    assert mixer.ready == FRAME
    mixer.expect(frozenset({"a"}))
    assert mixer.ready == 2 * FRAME


def test_what_comes_late_is_cut_and_counted() -> None:
    mixer = Mixer()
    mixer.pull(FRAME + 100)
    mixer.push("a", FRAME, tone(7))
    samples = joined(mixer.pull(mixer.ready))
    assert len(samples) == FRAME - 100
    assert mixer.statistics().late == 100


def test_what_was_concealed_is_neither_received_nor_filled_nor_late() -> None:
    mixer = expecting("a")
    mixer.push("a", 0, tone(1))
    mixer.push("a", FRAME, tone(2), concealed=True)
    mixer.push("a", 2 * FRAME, tone(3))
    assert joined(mixer.pull(4 * FRAME))[::FRAME, 0].tolist() == [1, 2, 3, 0]
    mixer.push("a", 3 * FRAME, tone(4, 2 * FRAME), concealed=True)
    counts = mixer.statistics()
    assert (counts.received, counts.concealed) == (2 * FRAME, 2 * FRAME)
    assert (counts.filled, counts.late) == (FRAME, 0), "its first half had been given out"


def test_audio_that_fills_another_one_s_gap_is_not_counted_as_filled() -> None:
    mixer = expecting("a", "b")
    mixer.push("a", 0, tone(1))
    mixer.push("a", 3 * FRAME, tone(1))
    mixer.push("b", FRAME, tone(2))
    samples = joined(mixer.pull(4 * FRAME))
    assert samples[::FRAME, 0].tolist() == [1, 2, 0, 1]
    assert mixer.statistics().filled == FRAME


def test_a_publication_that_comes_later_does_not_move_the_first() -> None:
    """The first one's clock is off by less than a gap, and it goes on being followed."""
    out = []
    for sids in ("a", "ab"):
        mixer, items = expecting("a"), []
        for n in range(100):
            if n == 50:
                mixer.expect(frozenset(sids))
            mixer.push("a", n * FRAME + min(n, 70), tone(n + 1))
            if n >= 50 and "b" in sids:
                mixer.push("b", n * FRAME + 200, tone(1000))
            items += mixer.pull(mixer.ready)
        out.append(joined([*items, *mixer.pull(100 * FRAME)]))
    alone, together = out
    assert (together % 1000 == alone).all()
    assert (together >= 1000).any()


def test_frames_on_their_way_when_a_publication_is_muted_follow_what_is_held() -> None:
    mixer = expecting("a", "b")
    mixer.push("a", 0, tone(1))
    mixer.expect(frozenset("b"))
    mixer.push("a", FRAME - 20, tone(1))
    assert (joined(mixer.pull(2 * FRAME)) == 1).all(), "20 samples would be doubled"


def test_what_lies_beyond_the_window_is_cut_and_counted() -> None:
    mixer = Mixer()
    mixer.push("a", WINDOW_SAMPLES - 10, tone(7))
    assert mixer.statistics().early == FRAME - 10
    assert mixer.position == 0


def test_after_a_long_freeze_what_comes_first_may_lie_far_ahead() -> None:
    mixer = expecting("a")
    mixer.push("a", 0, tone(1))
    joined(mixer.pull(mixer.ready))
    mixer.push("a", 6 * 48_000, tone(2))
    items = mixer.pull(7 * 48_000)
    assert len(joined(items)) == 7 * 48_000 - FRAME
    mixer.push("a", 7 * 48_000, tone(3))
    assert (joined(mixer.pull(mixer.ready)) == 3).all()


def test_a_frame_that_overlaps_far_loses_what_is_there_already() -> None:
    mixer = Mixer()
    mixer.push("a", 0, tone(1))
    mixer.push("a", 100, tone(2))
    samples = joined(mixer.pull(mixer.ready))
    assert (samples[:FRAME] == 1).all()
    assert len(samples) == FRAME + 100
    assert mixer.statistics().late == FRAME - 100


@given(st.integers(-MAX_STRETCH, MAX_STRETCH), st.integers(20, 2000))
def test_stretching_keeps_the_ends(by: int, count: int) -> None:
    ramp = np.linspace(-20_000, 20_000, count).astype(np.int16)
    samples = np.stack((ramp, -ramp), axis=1).astype(np.int16)
    made = stretch(samples, by)
    assert made.shape == (count + by, 2)
    assert (made[0] == samples[0]).all()
    assert (made[-1] == samples[-1]).all()


@pytest.mark.parametrize("ppm", [-200, -37, 0, 5, 200])
def test_a_clock_that_is_off_is_followed_without_a_gap(ppm: int) -> None:
    """±200 ppm for five minutes: within a millisecond, and never a gap or an overlap."""
    mixer, given_out, length = expecting("a"), 0, 0
    for n in range(50 * 300):
        truth = n * FRAME * (1 + ppm * 1e-6)
        mixer.push("a", round(truth), tone(1))
        items = mixer.pull(mixer.ready)
        length += sum(i.count for i in items)
        given_out += sum(i.count for i in items if i.samples is not None)
    assert abs(length - 50 * 300 * FRAME * (1 + ppm * 1e-6)) < 48 + MAX_STRETCH
    assert given_out == length
    assert mixer.statistics().filled == 0


frames = st.tuples(
    st.sampled_from("abc"), st.integers(-5000, 50_000), st.integers(0, 3000), st.integers(0, 40_000)
)


@given(st.lists(frames, max_size=30))
def test_whatever_comes_the_mix_is_gapless(pushes: list[tuple[str, int, int, int]]) -> None:
    mixer, out = Mixer(), []
    for sid, position, count, until in pushes:
        mixer.push(sid, position, tone(1, count))
        out += mixer.pull(until)
        out += mixer.pull(mixer.ready)
    joined(out)
    assert sum(item.count for item in out) == mixer.position


def test_positions_are_exact_after_days() -> None:
    day_ns = 86_400 * 10**9
    assert samples_at(30 * day_ns) == 30 * 86_400 * 48_000
    assert samples_at(20_833) == 1
