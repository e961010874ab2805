"""Fragments of WebM and Matroska, by ffmpeg and by `stream_copy`, while they grow and after."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.fragments.fragment import Fragment
from orchestrator.fragments.reader import FragmentReader
from orchestrator.stream_copy.packet_muxer import PacketMuxer
from orchestrator.stream_copy.track import Packet
from tests.kit.encoded.files import firsts
from tests.kit.encoded.frames import (
    audio_frames,
    audio_packets,
    camera,
    in_order,
    microphone,
    video_frames,
    video_packets,
)
from tests.kit.mediafiles.fragmented import (
    VP9,
    all_fragments,
    encode,
    encode_command,
    packets_in,
    packets_of,
)


def _call(codec: str, *, keyframe_every: int = 60, seconds: int = 6) -> list[Packet]:
    video = video_frames(codec, 30 * seconds, keyframe_every=keyframe_every)
    return in_order(
        video_packets(camera(codec), video),
        audio_packets(microphone(), audio_frames("opus", 50 * seconds)),
    )


@pytest.fixture(scope="module")
def webm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 7 seconds, by ffmpeg."""
    return encode(tmp_path_factory.mktemp("webm") / "x.webm", 7, *VP9, container="webm")


def test_a_closed_webm_has_all_packets_at_their_times(webm: Path) -> None:
    reader, fragments = all_fragments(webm, "webm")
    assert reader.ended
    assert packets_in(reader, fragments) == packets_of(webm)


def test_keyframes_begin_fragments(webm: Path) -> None:
    _, fragments = all_fragments(webm, "webm")
    independent = [fragment.begin_s for fragment in fragments if fragment.independent]
    assert len(independent) == 4
    assert all(2.0 <= b - a < 2.2 for a, b in pairwise(independent))
    for one, following in pairwise(fragments):
        assert one.begin_s < one.end_s
        assert following.begin_s - one.end_s == pytest.approx(0, abs=0.2)


def test_while_ffmpeg_writes_it_gives_the_fragments_that_the_closed_file_has(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.webm"
    reader, found = FragmentReader(path, "webm"), []
    with subprocess.Popen(encode_command(path, 15, *VP9, container="webm")) as ffmpeg:
        while ffmpeg.poll() is None:
            found += reader.poll() if path.exists() else []
    grown = len(found)
    found += reader.poll(last=True)
    assert found == all_fragments(path, "webm")[1]
    assert grown > 0
    assert packets_in(reader, found) == packets_of(path)


@pytest.mark.parametrize("codec", ["h264", "vp8", "vp9", "av1", "h265"])
def test_copied_frames_while_they_are_written(codec: str, tmp_path: Path) -> None:
    path, packets = tmp_path / "x.mkv", _call(codec)
    muxer = PacketMuxer(path, "matroska", firsts(packets), zero_ns=0, tags={"title": "x"})
    reader = FragmentReader(path, "matroska")
    found: list[Fragment] = []
    for number, packet in enumerate(packets):
        muxer.write(packet)
        if number % 7 == 0:
            found += reader.poll()
    assert [fragment.begin_s for fragment in found if fragment.independent] == [0, 2, 4]
    assert found[-1].end_s > 5
    muxer.close()
    found += reader.poll(last=True)
    assert found == all_fragments(path, "matroska")[1]
    assert packets_in(reader, found) == packets_of(path)
    assert all(fragment.end_s - fragment.begin_s < 1.3 for fragment in found)


def test_a_killed_writer_leaves_what_it_wrote(tmp_path: Path) -> None:
    path, packets = tmp_path / "x.mkv", _call("vp8", seconds=2)
    muxer = PacketMuxer(path, "matroska", firsts(packets), zero_ns=0, tags={})
    for packet in packets:
        muxer.write(packet)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(path.read_bytes()[:-5])
    muxer.close()
    reader = FragmentReader(cut, "matroska")
    open_ones = reader.poll()
    found = open_ones + reader.poll(last=True)
    assert len(found) > len(open_ones)
    assert packets_in(reader, found) == packets_of(cut)
    assert len(packets_in(reader, found)) == len(packets) - 1


@pytest.mark.parametrize("codec", ["vp8", "vp9", "av1"])
def test_a_size_that_changes_at_a_keyframe_is_read_on(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "x.mkv"
    small = video_frames(codec, 30, keyframe_every=30)
    large = video_frames(codec, 30, size=(320, 240), keyframe_every=30)
    packets = list(video_packets(camera(codec), (*small, *large)))
    muxer = PacketMuxer(path, "matroska", firsts(packets), zero_ns=0, tags={})
    for packet in packets:
        muxer.write(packet)
    muxer.close()
    reader, fragments = all_fragments(path, "matroska")
    assert [f.begin_s for f in fragments if f.independent] == [0, 1]
    assert packets_in(reader, fragments) == packets_of(path)


def test_a_track_that_comes_late_is_in_the_header_of_then(tmp_path: Path) -> None:
    path = tmp_path / "x.mkv"
    voice = list(audio_packets(microphone(), audio_frames("opus", 150)))
    shots = list(video_packets(camera("vp8"), video_frames("vp8", 30), start_s=1.5))
    muxer = PacketMuxer(path, "matroska", firsts(voice), zero_ns=0, tags={})
    reader = FragmentReader(path, "matroska")
    for packet in voice[:75]:
        muxer.write(packet)
    before = reader.poll()
    assert before
    assert all(fragment.independent for fragment in before)
    muxer.add_track(shots[0].track, shots[0].frame)
    for packet in in_order(iter(voice[75:]), iter(shots)):
        muxer.write(packet)
    muxer.close()
    found = before + reader.poll(last=True)
    assert packets_in(reader, found) == packets_of(path)
    first_shot = next(f for f in found if f.begin_s == pytest.approx(1.5, abs=0.001))
    assert first_shot.independent


def test_what_is_cut_anywhere_gives_no_packet_that_isnt_there(webm: Path, tmp_path: Path) -> None:
    data, path = webm.read_bytes(), tmp_path / "x.webm"
    everything = set(packets_of(webm))
    for length in range(0, len(data), len(data) // 23):
        path.write_bytes(data[:length])
        reader = FragmentReader(path, "webm")
        found = packets_in(reader, reader.poll(last=True))
        assert set(found) <= everything
        if length > len(data) // 3:
            assert found[0][1] < Fraction(1, 10)
