"""A segment's pieces have all its packets at their times, of every codec that HLS has."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from orchestrator.fragments.fragment import Container
from orchestrator.fragments.packets import packets
from orchestrator.hls.repackaging import tracks_of
from orchestrator.hls.run import SegmentRun, container_of
from tests.kit.encoded.files import write
from tests.kit.encoded.frames import (
    audio_frames,
    audio_packets,
    camera,
    in_order,
    microphone,
    video_frames,
    video_packets,
)
from tests.kit.mediafiles.fragmented import VP9, X264, encode


def _run(path: Path, container: Container, *, copied: bool) -> SegmentRun:
    run = SegmentRun(1, path, container, 0.0, copied)
    run.poll(last=True)
    return run


def _media(path: Path) -> list[tuple[str, float, bytes]]:
    with av.open(str(path)) as file:
        return sorted(
            (p.stream.type, round(float((p.pts or 0) * p.time_base), 3), bytes(p))
            for p in file.demux()
            if p.size
        )


def _played(run: SegmentRun) -> list[tuple[str, float, bytes]]:
    return sorted(
        (p.stream.type, round(float((p.pts or 0) * p.time_base), 3), bytes(p))
        for piece in run.pieces
        for p in packets(run.init, run.data(piece), "mp4")
    )


def _call(codec: str, path: Path, audio: str = "opus") -> Path:
    sound = audio_packets(microphone(audio), audio_frames(audio, 300))
    frames = video_frames(codec, 180, keyframe_every=60)
    write(path, in_order(video_packets(camera(codec), frames), sound))
    return path


def test_mp4_is_served_as_it_is(tmp_path: Path) -> None:
    path = encode(tmp_path / "x.mp4", 7, *X264)
    run = _run(path, "mp4", copied=False)
    assert [info.codec for info in run.codecs] == ["avc1.42c00b", "mp4a.40.2"]
    assert (run.codecs[0].width, run.codecs[0].height) == (192, 108)
    assert _played(run) == _media(path)
    assert len(run.pieces) == 4
    assert all(piece.independent for piece in run.pieces)
    assert run.data(run.pieces[1]) in path.read_bytes()


def test_a_track_that_begins_late_is_late_without_an_edit_list(tmp_path: Path) -> None:
    path = encode(tmp_path / "x.mp4", 5, *X264, "-af", "asetpts=PTS+0.4/TB")
    run = _run(path, "mp4", copied=False)
    audio = next(track for track in tracks_of(run.init) if not track.is_video)
    assert audio.shift_s <= 0
    assert _played(run) == _media(path)
    begun = min(at_s for kind, at_s, _ in _played(run) if kind == "audio")
    assert begun == pytest.approx(0.4, abs=0.03)


def test_webm_becomes_mp4(tmp_path: Path) -> None:
    path = encode(tmp_path / "x.webm", 7, *VP9, container="webm")
    run = _run(path, "matroska", copied=False)
    assert [info.codec for info in run.codecs] == ["vp09.00.10.08", "opus"]
    assert _played(run) == _media(path)


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("h264", "avc1.42c00b"),
        ("vp9", "vp09.00.10.08"),
        ("av1", "av01.0.00M.08"),
        ("h265", "hvc1.1.6.L60.90"),
    ],
)
def test_copied_frames_become_mp4(codec: str, name: str, tmp_path: Path) -> None:
    path = _call(codec, tmp_path / "x.mkv")
    run = _run(path, "matroska", copied=True)
    assert [info.codec for info in run.codecs] == [name, "opus"]
    assert _played(run) == _media(path)
    assert [round(piece.length_s) for piece in run.pieces] == [2, 2, 2]


@pytest.mark.parametrize(
    ("video", "audio", "named"), [("vp8", "opus", "VP8"), ("h264", "pcmu", "PCM")]
)
def test_what_hls_has_no_place_for_is_named(
    video: str, audio: str, named: str, tmp_path: Path
) -> None:
    run = _run(_call(video, tmp_path / "x.mkv", audio), "matroska", copied=True)
    assert run.problem is not None
    assert named in run.problem
    assert run.pieces == []


def test_while_it_is_written_it_gets_the_pieces_of_the_whole_file(tmp_path: Path) -> None:
    whole = encode(tmp_path / "x.mp4", 7, *X264)
    data, path = whole.read_bytes(), tmp_path / "y.mp4"
    run = SegmentRun(1, path, "mp4", 0.0, False)
    assert not run.poll()
    seen = set()
    for length in range(0, len(data), 20_000):
        with path.open("ab") as file:
            file.write(data[file.tell() : length])
        run.poll()
        seen.add(len(run.pieces))
    path.write_bytes(data)
    run.poll(last=True)
    assert run.pieces == _run(whole, "mp4", copied=False).pieces
    assert {0, 1, 2, 3} <= seen


@pytest.mark.parametrize(
    ("beginning", "found"),
    [(b"", None), (b"\x1aE\xdf\xa3abcdef", "matroska"), (b"\0\0\0\x1cftyp", "mp4")],
)
def test_a_container_is_known_by_its_first_bytes(
    beginning: bytes, found: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    assert container_of(path) is None
    path.write_bytes(beginning)
    assert container_of(path) == found
