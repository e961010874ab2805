"""Files that were cut short or damaged, at places that are known."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.mediafiles.inspect.findings import findings
from orchestrator.mediafiles.inspect.read import inspect
from tests.kit.mediafiles.synthetic import RATE, AudioTrack, Film, VideoTrack, times, tone


def test_a_codec_that_nobody_knows(steady: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(steady.read_bytes().replace(b"avc1", b"zzzz"))
    found = inspect(path)
    assert found.video == ()
    (other,) = found.other
    assert (other.kind, other.codec, other.packets) == ("video", None, 90)
    assert len(found.audio) == 1


def test_damage_in_the_middle(steady: Path, tmp_path: Path) -> None:
    with av.open(str(steady)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    hurt = packets[40]
    assert hurt.pos is not None
    assert hurt.pts is not None
    data = bytearray(steady.read_bytes())
    data[hurt.pos : hurt.pos + hurt.size] = b"\xff" * hurt.size
    path = tmp_path / "x.mp4"
    path.write_bytes(data)
    found = inspect(path)
    decoding = found.video[0].decoding
    assert decoding is not None
    assert decoding.errors == 1
    assert decoding.first_error_at_s == pytest.approx(float(hurt.pts * hurt.time_base), abs=1e-6)
    assert decoding.first_error == "Invalid data found when processing input"
    assert (found.error, found.video[0].traffic.packets) == (None, 90)
    assert decoding.frames >= 85


@pytest.mark.parametrize(
    ("container", "movflags"),
    [
        ("mp4", "faststart"),
        ("mp4", "frag_keyframe+empty_moov+delay_moov"),
        ("matroska", ""),
    ],
)
@pytest.mark.parametrize("decode", [True, False])
def test_a_file_cut_short_is_read_as_far_as_it_goes(
    container: str, movflags: str, decode: bool, tmp_path: Path
) -> None:
    options = {"movflags": movflags} if movflags else {}
    frames, audio_track = VideoTrack(times(6)), AudioTrack([(0, tone(6))], "aac")
    whole = Film(tmp_path / "whole", container, frames, audio_track, options).write()
    path = tmp_path / "cut"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    found = inspect(path, decode=decode)
    reached_s = found.video[0].end_s or 0.0
    assert 2 < reached_s < 5
    assert found.measured_duration_s == pytest.approx(reached_s, abs=0.3)
    assert found.video[0].traffic.packets == pytest.approx(30 * reached_s, abs=10)
    assert found.duration_s is not None
    if found.duration_s - reached_s > 0.6:  # fragments tell only of themselves
        assert found.error is not None
        assert found.error.startswith("It is cut off at ")
        assert f"of the {found.duration_s:.1f} s that its header states" in found.error
    else:
        assert movflags.startswith("frag")


def test_an_mp4_without_its_index_is_refused(tmp_path: Path) -> None:
    whole = Film(tmp_path / "whole.mp4", "mp4", VideoTrack(times(2))).write()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(InvalidRequest) as refused:
        inspect(path)
    assert refused.value.error.startswith(f"{path} is not a media file, or is incomplete: ")


def test_a_reading_that_fails_is_reported_with_its_error(tmp_path: Path) -> None:
    """An IVF in which the size of the 26th frame can't be."""
    path = Film(tmp_path / "x.ivf", "ivf", VideoTrack(times(1), "libvpx")).write()
    data = bytearray(path.read_bytes())
    at = 32
    for _ in range(25):
        at += 12 + int.from_bytes(data[at : at + 4], "little")
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    found = inspect(path)
    assert found.error is not None
    assert found.error.startswith("It can't be read beyond 0.8 s: ")
    assert found.video[0].traffic.packets == 25


def test_frames_of_which_none_decodes(steady: Path, tmp_path: Path) -> None:
    data = bytearray(steady.read_bytes())
    with av.open(str(steady)) as container:
        for packet in container.demux(video=0):
            if packet.size and packet.pos is not None:
                data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path = tmp_path / "x.mp4"
    path.write_bytes(data)
    found = inspect(path)
    (video,) = found.video
    assert video.decoding is not None
    assert (video.decoding.frames, video.decoding.errors) == (0, 90)
    assert (video.start_s, found.start_offset_s, video.still) == (None, None, None)
    assert "None of the video can be decoded." in [one.text for one in findings(found)]


def test_a_stream_that_nobody_announced(tmp_path: Path) -> None:
    """MPEG-TS that has audio only from 20 s to 22 s of 42 s: more than what is looked at first."""

    def part(start: int, seconds: int, audio_track: AudioTrack | None) -> bytes:
        frames = VideoTrack(times(seconds, start=start * 90_000))
        options = {"mpegts_copyts": "1"}
        path = Film(tmp_path / "part.ts", "mpegts", frames, audio_track, options).write()
        return path.read_bytes()

    middle = part(20, 2, AudioTrack([(20 * RATE, tone(2))], "aac"))
    path = tmp_path / "x.ts"
    path.write_bytes(part(0, 20, None) + middle + part(22, 20, None))
    found = inspect(path)
    assert (found.audio, found.video[0].traffic.packets) == ((), 1260)
    # Whether PyAV notices depends on what lies in its memory.
    assert found.error is None or "a stream that only appears within it" in found.error
