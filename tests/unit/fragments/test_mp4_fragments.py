"""Fragments of MP4: all packets at their times, while it grows, closed, moved, cut off."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.encoding.joining.fast_start import move_index
from orchestrator.fragments.fragment import Fragment, NotFragmented, SegmentReplaced
from orchestrator.fragments.mp4_boxes import boxes
from orchestrator.fragments.reader import FragmentReader
from tests.kit.mediafiles.fragmented import (
    X264,
    all_fragments,
    encode,
    encode_command,
    packets_in,
    packets_of,
)

_FLAGS_WITHOUT_RELATIVE = "+frag_keyframe+delay_moov"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 7 seconds."""
    return encode(tmp_path_factory.mktemp("mp4") / "0001.mp4", 7, *X264)


def test_a_closed_file_has_all_packets_at_their_times(closed: Path) -> None:
    reader, fragments = all_fragments(closed, "mp4")
    assert reader.ended
    assert packets_in(reader, fragments) == packets_of(closed)


def test_fragments_lie_one_behind_the_other_in_time_and_begin_at_keyframes(closed: Path) -> None:
    _, fragments = all_fragments(closed, "mp4")
    assert [fragment.number for fragment in fragments] == list(range(len(fragments)))
    assert fragments[0].begin_s == 0
    for one, following in pairwise(fragments):
        assert one.end_s == pytest.approx(following.begin_s, abs=1e-6)
        assert one.offset + one.length == following.offset
    independent = [fragment.begin_s for fragment in fragments if fragment.independent]
    assert len(independent) == 4
    assert all(2.0 <= b - a < 2.2 for a, b in pairwise(independent))


def test_while_ffmpeg_writes_it_gives_the_fragments_that_the_closed_file_has(
    tmp_path: Path,
) -> None:
    path = tmp_path / "0001.mp4"
    reader, found, polls = FragmentReader(path, "mp4"), [], 0
    with subprocess.Popen(encode_command(path, 30, *X264, "-threads:v", "1")) as ffmpeg:
        while ffmpeg.poll() is None:
            if path.exists():
                new = reader.poll()
                polls += bool(new)
                found += new
    grown = len(found)
    found += reader.poll()
    _, fragments = all_fragments(path, "mp4")
    assert found == fragments
    assert grown > 0
    assert polls > 1
    assert packets_in(reader, found) == packets_of(path)


def test_a_file_at_any_length_gives_those_that_are_whole(closed: Path, tmp_path: Path) -> None:
    data, path = closed.read_bytes(), tmp_path / "x.mp4"
    _, fragments = all_fragments(closed, "mp4")
    reader, found = FragmentReader(path, "mp4"), []
    for length in range(0, len(data), 3001):
        with path.open("ab") as file:
            file.write(data[file.tell() : length])
        found += reader.poll()
        whole = [f for f in fragments if f.offset + f.length <= length]
        assert found == whole


def test_a_moved_index_is_noticed(closed: Path, tmp_path: Path) -> None:
    movable = tmp_path / "x.mp4"
    movable.write_bytes(closed.read_bytes())
    reader, fragments = all_fragments(movable, "mp4")
    before = [reader.read(fragment) for fragment in fragments]
    if not move_index(movable):
        pytest.skip("the file system of the temporary folder can't insert a range")
    assert [reader.read(fragment) for fragment in fragments] == before
    renamed = movable.rename(movable.with_name("final.mp4"))
    assert reader.read(fragments[1], renamed) == before[1]
    again, moved = all_fragments(renamed, "mp4")
    assert [again.read(fragment) for fragment in moved] == before


def test_positions_count_from_the_fragment_whatever_the_file_has(tmp_path: Path) -> None:
    path = encode(tmp_path / "x.mp4", 3, *X264, movflags=_FLAGS_WITHOUT_RELATIVE)
    reader, fragments = all_fragments(path, "mp4")
    assert packets_in(reader, fragments) == packets_of(path)
    data = reader.read(fragments[0])
    assert len(data) == fragments[0].length - 2 * 8  # of video and of audio
    kinds = [box.kind for box in boxes(data, 0, len(data))]
    assert kinds == [b"moof", b"mdat"]


def test_of_audio_alone_every_fragment_is_independent(tmp_path: Path) -> None:
    path = encode(tmp_path / "x.mp4", 3, audio_only=True)
    reader, fragments = all_fragments(path, "mp4")
    assert len(fragments) >= 2
    assert all(fragment.independent for fragment in fragments)
    assert packets_in(reader, fragments) == packets_of(path)


def test_b_frames_keep_their_times(tmp_path: Path) -> None:
    codecs = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-c:a", "aac")
    path = encode(tmp_path / "x.mp4", 5, *codecs)
    reader, fragments = all_fragments(path, "mp4")
    times = sorted(time for stream, time, _ in packets_in(reader, fragments) if stream == 0)
    expected = sorted(time for stream, time, _ in packets_of(path) if stream == 0)
    assert len(times) == len(expected)
    shift = times[0] - expected[0]  # hybrid_fragmented writes no edit list
    assert [time - shift for time in times] == pytest.approx(expected, abs=1e-4)
    assert fragments[0].begin_s == pytest.approx(float(times[0]), abs=1e-4)


@pytest.mark.parametrize("damage", [b"", b"\0" * 64, b"not an MP4 at all, but text" * 9])
def test_what_is_no_mp4_gives_nothing(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(damage)
    found: list[Fragment] = []
    with suppress(NotFragmented):
        found = FragmentReader(path, "mp4").poll(last=True)
    assert found == []


def test_zeros_behind_what_was_written_are_no_fragment(closed: Path, tmp_path: Path) -> None:
    _, fragments = all_fragments(closed, "mp4")
    path, second = tmp_path / "x.mp4", fragments[1]
    path.write_bytes(closed.read_bytes()[: second.offset + second.length] + bytes(5000))
    reader = FragmentReader(path, "mp4")
    assert reader.poll() == fragments[:2]
    assert reader.poll() == []


def test_another_file_under_its_name_is_no_continuation(closed: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(closed.read_bytes())
    reader = FragmentReader(path, "mp4")
    reader.poll(most=1)
    other = tmp_path / "y.mp4"
    other.write_bytes(closed.read_bytes())
    other.rename(path)
    with pytest.raises(SegmentReplaced, match="replaced"):
        reader.poll()


def test_a_shortened_file_is_no_continuation(closed: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(closed.read_bytes())
    reader = FragmentReader(path, "mp4")
    reader.poll()
    with path.open("r+b") as file:
        file.truncate(3000)
    with pytest.raises(SegmentReplaced):
        reader.poll()
