"""Files of copied frames: what goes in comes out, at its time, also from a file that was cut."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.media import SECOND_NS
from orchestrator.stream_copy.packet_muxer import CLUSTER_MS, PacketMuxer, SegmentContainer
from orchestrator.stream_copy.track import Packet
from tests.kit.encoded.files import (
    brightness,
    firsts,
    keys_ms,
    read,
    samples,
    times_ms,
    write,
)
from tests.kit.encoded.frames import (
    audio_frames,
    audio_packets,
    camera,
    grey_of,
    in_order,
    microphone,
    video_frames,
    video_packets,
)

_DECODED = {"h265": "hevc", "pcmu": "pcm_s16le", "pcma": "pcm_s16le", "g722": "pcm_s16le"}


def _second(video: str = "vp8", audio: str = "opus") -> list[Packet]:
    """A second of both, the audio from 123.4 ms on."""
    frames, sound = video_frames(video, 30), audio_frames(audio, 40)
    return in_order(
        video_packets(camera(video), frames),
        audio_packets(microphone(audio), sound, start_s=0.1234),
    )


@pytest.mark.parametrize(
    ("container", "video", "audio"),
    [
        ("matroska", "vp8", "opus"),
        ("webm", "vp8", "opus"),
        ("webm", "vp9", "opus"),
        ("webm", "av1", "opus"),
        ("matroska", "h264", "pcmu"),
        ("matroska", "h265", "g722"),
        ("matroska", "h264", "pcma"),
    ],
)
def test_what_goes_in_comes_out(
    tmp_path: Path, container: SegmentContainer, video: str, audio: str
) -> None:
    packets, path = _second(video, audio), tmp_path / "file"
    write(path, packets, container, title="A call", haven_id="7")
    seen, heard = read(path)
    assert (seen.codec, seen.name) == (_DECODED.get(video, video), "alice camera")
    assert (heard.codec, heard.name) == (_DECODED.get(audio, audio), "alice microphone")
    assert seen.times_ms == times_ms(packets, camera(video))
    assert seen.keys_ms == keys_ms(packets, camera(video))
    assert heard.times_ms == times_ms(packets, microphone(audio))
    shown = [value for _, value in brightness(path)]
    assert shown == pytest.approx([grey_of(n) for n in range(30)], abs=3)
    with av.open(str(path)) as file:
        assert file.duration == 967_000
        assert file.metadata["title"] == "A call"
        assert file.metadata["HAVEN_ID"] == "7"


def test_no_sample_of_opus_is_cut_or_moved(tmp_path: Path) -> None:
    path = tmp_path / "file.mkv"
    write(path, _second())
    heard = samples(path)
    assert {count for _, count in heard} == {960}
    assert heard[0][0] == 123


def test_the_first_track_of_each_kind_is_the_default_one(tmp_path: Path) -> None:
    frames, sound = video_frames("vp8", 2), audio_frames("opus", 2)
    tracks = [
        video_packets(camera("vp8"), frames),
        video_packets(camera("vp8", "bob camera"), frames),
        audio_packets(microphone(), sound),
        audio_packets(microphone(name="bob microphone"), sound),
    ]
    path = tmp_path / "file.mkv"
    write(path, in_order(*tracks))
    with av.open(str(path)) as file:
        assert [bool(stream.disposition & 1) for stream in file.streams] == [True, False] * 2


def test_a_file_that_was_not_closed_has_all_that_was_written(tmp_path: Path) -> None:
    packets, path = _second(), tmp_path / "file.mkv"
    muxer = PacketMuxer(path, "matroska", firsts(packets), zero_ns=0, tags={})
    for number, packet in enumerate(packets, 1):
        muxer.write(packet)
        if number % 10 == 0:
            shutil.copy(path, tmp_path / "cut.mkv")
            assert sum(len(each.times_ms) for each in read(tmp_path / "cut.mkv")) == number
            assert muxer.written_bytes == path.stat().st_size
    muxer.close()


def test_any_cut_costs_only_what_it_cuts(tmp_path: Path) -> None:
    packets, path, cut = _second(), tmp_path / "file.mkv", tmp_path / "cut.mkv"
    write(path, packets)
    data, before = path.read_bytes(), 0
    for length in (*range(34_000, len(data), 997), len(data) - 1):
        cut.write_bytes(data[:length])
        count = sum(len(each.times_ms) for each in read(cut))
        assert count >= before
        before = count
    assert before >= len(packets) - 3


_WRITER = """
import sys
from pathlib import Path
from orchestrator.stream_copy.packet_muxer import PacketMuxer
from tests.unit.stream_copy.test_packet_muxer import _second, firsts

packets = _second()
muxer = PacketMuxer(Path(sys.argv[1]), "matroska", firsts(packets), zero_ns=0, tags={})
for packet in packets:
    muxer.write(packet)
print(len(packets), flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_a_killed_writer_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.mkv"
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        written = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    assert sum(len(each.times_ms) for each in read(path)) == written


def test_an_undeclared_track_is_refused(tmp_path: Path) -> None:
    packets = _second()
    muxer = PacketMuxer(tmp_path / "file.mkv", "matroska", firsts(packets), zero_ns=0, tags={})
    other = Packet(microphone(name="bob microphone"), 0, packets[0].frame)
    with pytest.raises(ValueError, match="bob microphone"):
        muxer.write(other)
    muxer.close()


def test_without_parameter_sets_nothing_is_made(tmp_path: Path) -> None:
    frames = video_frames("h264", 3)[1:]
    with pytest.raises(ValueError, match="no parameter sets"):
        PacketMuxer(
            tmp_path / "file.mkv", "matroska", {camera("h264"): frames[0]}, zero_ns=0, tags={}
        )
    assert not (tmp_path / "file.mkv").exists()


def test_frames_out_of_order_keep_the_times_they_are_shown_at(tmp_path: Path) -> None:
    """H.264 with B-frames comes in the order of decoding."""
    options = (("bf", "2"), ("tune", "film"), ("x264-params", "b-adapt=0:scenecut=0"))
    frames = video_frames("h264", 12, keyframe_every=30, options=options)
    shown = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 11, 10]
    track = camera("h264")
    times = [round((1 + place / 30) * SECOND_NS) for place in shown]
    packets = [Packet(track, at, frame) for at, frame in zip(times, frames, strict=True)]
    path = tmp_path / "file.mkv"
    write(path, packets)
    assert read(path)[0].times_ms == times_ms(packets, track)
    seen = brightness(path)
    assert [at for at, _ in seen] == sorted(times_ms(packets, track))
    assert [value for _, value in seen] == pytest.approx([grey_of(n) for n in range(12)], abs=3)


def test_a_size_that_changes_at_a_keyframe_is_followed(tmp_path: Path) -> None:
    track = camera("h264")
    small, large = video_frames("h264", 5), video_frames("h264", 5, size=(320, 240))
    packets = [
        *video_packets(track, small),
        *video_packets(track, large, start_s=1.0),
    ]
    path = tmp_path / "file.mkv"
    write(path, packets)
    with av.open(str(path)) as file:
        sizes = [(one.width, one.height) for one in file.decode(video=0)]
    assert sizes == [(160, 120)] * 5 + [(320, 240)] * 5
    assert [value for _, value in brightness(path)][5:] == pytest.approx(
        [grey_of(n) for n in range(5)], abs=3
    )


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_it_can_be_sought_in(tmp_path: Path, kind: str) -> None:
    if kind == "video":
        frames = video_frames("vp8", 30, keyframe_every=5)
        packets = [*video_packets(camera("vp8"), frames, fps=1.0)]
    else:
        sound = audio_frames("opus", 40)
        packets = [Packet(microphone(), n * SECOND_NS, frame) for n, frame in enumerate(sound[:30])]
    path = tmp_path / "file.mkv"
    write(path, packets)
    with av.open(str(path)) as file:
        # Well before the end, and behind it no other place: told by the index, not by reading on.
        file.seek(17_500_000, backward=True)
        first = next(file.demux())
        assert first.pts is not None
        assert 15_000 >= first.pts >= 17_500 - CLUSTER_MS


_GAPS = st.lists(
    st.sampled_from([Fraction(1, 50), Fraction(1, 30), Fraction(1, 3), 4, 12, 40, 200]),
    min_size=30,
    max_size=30,
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(video=_GAPS, audio=_GAPS)
def test_whatever_the_gaps_all_times_are_exact(
    tmp_path: Path, video: list[Fraction], audio: list[Fraction]
) -> None:
    seen, heard = video_frames("vp8", 30), audio_frames("opus", 40)
    packets = in_order(
        iter(
            Packet(camera("vp8"), round(at * SECOND_NS), frame)
            for at, frame in zip(accumulate(video), seen, strict=True)
        ),
        iter(
            Packet(microphone(), round(at * SECOND_NS), frame)
            for at, frame in zip(accumulate(audio), heard, strict=False)
        ),
    )
    path = tmp_path / "file.mkv"
    write(path, packets)
    found = {each.name: each for each in read(path)}
    assert found["alice camera"].times_ms == times_ms(packets, camera("vp8"))
    assert found["alice camera"].keys_ms == keys_ms(packets, camera("vp8"))
    assert found["alice microphone"].times_ms == times_ms(packets, microphone())


def test_a_frame_that_finds_no_space_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    packets, path = _second(), tmp_path / "file.mkv"
    muxer = PacketMuxer(path, "matroska", firsts(packets), zero_ns=0, tags={})
    for packet in packets[:20]:
        muxer.write(packet)
    written = muxer.written_bytes
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (written + 10, limits[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            muxer.write(packets[20])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.stat().st_size == muxer.written_bytes == written
    for packet in packets[21:]:
        muxer.write(packet)
    muxer.close()
    assert sum(len(each.times_ms) for each in read(path)) == len(packets) - 1
