"""The smaller parts: requests, jobs, cuts that fit, clocks, what ffmpeg lists."""

from __future__ import annotations

from array import array
from fractions import Fraction
from pathlib import Path

import pytest

from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.errors import Unavailable
from orchestrator.transcoding.chunks import jobs
from orchestrator.transcoding.chunks.all_chunks import fits
from orchestrator.transcoding.chunks.command import Listed, listed_frames
from orchestrator.transcoding.chunks.vmaf import require_libvmaf
from orchestrator.transcoding.joining import VideoTimes, tick
from orchestrator.transcoding.request import TranscodingRequest
from orchestrator.transcoding.result import TranscodingProgress
from tests.kit.fakes import NOTHING

MS = Fraction(1, 1000)


def test_a_request_as_json_and_back() -> None:
    for request in (
        TranscodingRequest(Path("/a.mp4")),
        TranscodingRequest(Path("/a.mp4"), "mp4", crf=20, output=Path("/b.mp4"), replace=True),
    ):
        assert TranscodingRequest.from_dict(request.as_dict()) == request


def test_the_share_that_is_done() -> None:
    def share(done_s: float, total_s: float) -> float:
        return TranscodingProgress("encoding", done_s, total_s, 0, None, None).share

    assert share(30.0, 120.0) == 0.25
    assert share(121.0, 120.0) == 1.0
    assert share(0.0, 0.0) == 0.0


@pytest.mark.parametrize(
    ("cores", "free_gb", "size", "expected"),
    [
        (2.0, 8, (1280, 720), (3, 1)),
        (1.5, 8, (1280, 720), (3, 1)),
        (0.5, 8, (1280, 720), (1, 1)),
        (16.0, 64, (1920, 1080), (17, 1)),
        # A frame of 8K has 50 MB, and an encoder may hold 160.
        (16.0, 18, (7680, 4320), (2, 8)),
        (64.0, 2, (7680, 4320), (1, 16)),
    ],
)
def test_as_many_at_once_as_there_are_cores_and_memory(
    cores: float,
    free_gb: int,
    size: tuple[int, int],
    expected: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "cores_allowed", lambda: cores)
    monkeypatch.setattr(jobs, "_free_bytes", lambda: free_gb * 10**9)
    found = jobs.jobs_for(*size)
    assert (found, jobs.threads_for(found)) == expected


def test_a_run_in_has_to_end_as_the_chunk_before() -> None:
    tail = [(1, "a"), (2, "b"), (3, "c")]
    assert fits(tail, tail)
    assert fits(tail, tail[1:])
    assert not fits(tail, [])
    assert not fits(tail, tail[:2])
    assert not fits(tail, [(2, "b"), (3, "other")])
    assert not fits(tail, [(3, "b"), (3, "c")])


def test_what_ffmpeg_lists() -> None:
    text = "#software: Lavf\n#tb 0: 1/1000\n0,          7,          7,       33,  9, 0x1a\n"
    assert list(listed_frames(text, MS)) == [Listed(7, "0x1a")]
    with pytest.raises(ValueError, match="listed in 1/1000, not in 1/90000"):
        list(listed_frames(text, Fraction(1, 90_000)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (Fraction(1, 90_000), Fraction(1, 90_000)),
        (MS, MS),
        (Fraction(1, 25), Fraction(1, 1000)),
        (Fraction(1001, 30_000), Fraction(1001, 1_020_000)),
        (Fraction(2), Fraction(1, 1000)),
    ],
)
def test_a_coarse_clock_is_divided(source: Fraction, expected: Fraction) -> None:
    assert tick(source) == expected
    assert (source / tick(source)).denominator == 1


def test_times_of_the_new_file() -> None:
    times = VideoTimes(array("q", [10, 12, 15, 19]), Fraction(1, 25), 10, {})
    assert times.parts == 40
    assert [times.at(place) for place in range(4)] == [0, 80, 200, 360]
    # Two frames are decoded before the first is shown.
    assert [times.decoded_at(place, 2) for place in range(4)] == [-160, -80, 0, 80]
    assert [times.lasts(place) for place in range(4)] == [80, 120, 160, 160]
    alone = VideoTimes(array("q", [10]), Fraction(1, 25), 10, {})
    assert (alone.at(0), alone.lasts(0), alone.decoded_at(0, 0)) == (0, 40, 0)


async def test_an_ffmpeg_without_libvmaf(tmp_path: Path) -> None:
    path = tmp_path / "ffmpeg"
    path.write_text("#!/bin/sh\necho ' .. scale  V->V  Scale'\n")
    path.chmod(0o700)
    plain = FFmpeg(path, "9", NOTHING, NOTHING, NOTHING, "setting")
    with pytest.raises(Unavailable, match="has no libvmaf"):
        await require_libvmaf(plain)
    path.write_text("#!/bin/sh\necho ' .. libvmaf  VV->V  VMAF'\n")
    await require_libvmaf(plain)
