"""Frames of known times: each measured figure against the truth, with its tolerance."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from av.packet import Packet

from orchestrator.mediafiles.inspect.read import inspect
from tests.kit.mediafiles.measured import FRAME_S, TICK_S, none, only, video_of
from tests.kit.mediafiles.synthetic import (
    STEP,
    Film,
    Plane,
    VideoTrack,
    black,
    moving,
    times,
)


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9", "libsvtav1"])
def test_still_and_black_frames(codec: str, tmp_path: Path) -> None:
    """1 s moving, 1.5 s held, 1 s moving, 0.8 s black, 0.5 s moving."""

    def draw(number: int) -> Plane:
        if 105 <= number < 129:
            return black()
        return moving(min(number, 29) if number < 75 else number)

    path = Film(tmp_path / "x.mkv", "matroska", VideoTrack(times(4.8), codec, draw=draw)).write()
    video = video_of(path)
    at_s, lasts_s = only(video.still)
    # The frame before the hold is the held one.
    assert at_s == pytest.approx(1 - FRAME_S, abs=FRAME_S + TICK_S)
    assert lasts_s == pytest.approx(1.5 + FRAME_S, abs=FRAME_S + TICK_S)
    at_s, lasts_s = only(video.black)
    assert at_s == pytest.approx(3.5, abs=FRAME_S + TICK_S)
    assert lasts_s == pytest.approx(0.8, abs=FRAME_S + TICK_S)


def test_a_file_may_end_still(tmp_path: Path) -> None:
    def draw(number: int) -> Plane:
        return moving(min(number, 30))

    path = Film(tmp_path / "x.mp4", "mp4", VideoTrack(times(2), draw=draw)).write()
    assert only(video_of(path).still) == pytest.approx((1, 1), abs=FRAME_S)


def test_a_held_frame_once_a_second_is_still_and_full_of_gaps(tmp_path: Path) -> None:
    """As this recorder writes it while a camera is off for four seconds."""
    ticks = [*times(1), *range(90_000, 450_000, 90_000), *times(1, start=450_000)]

    def draw(number: int) -> Plane:
        return moving(min(number, 30) if number < 34 else number)

    path = Film(tmp_path / "x.mp4", "mp4", VideoTrack(ticks, draw=draw)).write()
    video = video_of(path)
    assert only(video.still) == pytest.approx((1, 4), abs=1e-3)
    gaps = video.times.gaps
    assert gaps is not None
    assert (gaps.count, gaps.total_s) == pytest.approx((4, 4), abs=1e-3)


def test_a_change_of_size(tmp_path: Path) -> None:
    """Two streams of MPEG-TS, one after the other in one file."""

    def small(number: int) -> Plane:
        return moving(number, 128, 64)

    first = VideoTrack(times(1), parameters_in_band=True)
    second = VideoTrack(times(1, start=90_000), parameters_in_band=True, draw=small)
    parts = [
        Film(tmp_path / f"{n}.ts", "mpegts", one, options={"mpegts_copyts": "1"}).write()
        for n, one in enumerate((first, second))
    ]
    path = tmp_path / "x.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    video = video_of(path)
    assert video.size_changes == 1
    (size,) = video.sizes
    assert (size.width, size.height) == (128, 64)
    assert size.at_s == pytest.approx(1, abs=2 * FRAME_S)
    assert (video.header.width, video.header.height) == (160, 96)


def test_duplicate_times(tmp_path: Path) -> None:
    def twice(packet: Packet[Any]) -> None:
        if packet.pts in {10 * STEP, 20 * STEP}:
            packet.pts -= STEP
            packet.dts = packet.pts

    frames = VideoTrack(times(1), "mjpeg")
    path = Film(tmp_path / "x.mkv", "matroska", frames, change=twice).write()
    shown = video_of(path).times
    assert shown.duplicate_times == 2
    assert shown.interval_max_s == pytest.approx(2 * FRAME_S, abs=2 * TICK_S)
    assert none(shown.backward_times)


def test_times_that_go_back(tmp_path: Path) -> None:
    """Frames at 0.3 s and 0.5 s are said to be 50 ms earlier than those before them."""

    def back(packet: Packet[Any]) -> None:
        assert packet.pts is not None
        packet.dts = packet.pts - 6 * STEP  # decoding times must go on
        if packet.pts in {9 * STEP, 15 * STEP}:
            packet.pts -= STEP + 4500

    frames = VideoTrack(times(1, start=6 * STEP), "mjpeg")
    path = Film(tmp_path / "x.mkv", "matroska", frames, change=back).write()
    shown = video_of(path).times
    assert shown.backward_times.count == 2
    assert shown.backward_times.total_s == pytest.approx(0.1, abs=4 * TICK_S)
    assert sorted(one.at_s for one in shown.backward_times.longest) == [
        pytest.approx(2 * FRAME_S, abs=2 * TICK_S),  # from where the file begins
        pytest.approx(8 * FRAME_S, abs=2 * TICK_S),
    ]


@pytest.mark.parametrize(
    ("clock", "step", "fps"),
    [
        (Fraction(1001, 30_000), 1, 29.97),
        (Fraction(1, 7), 1, 7),
        (Fraction(1, 1_000_000), 16_667, 59.9988),
        (Fraction(3, 100), 2, 100 / 6),
    ],
)
@pytest.mark.parametrize("decode", [True, False])
def test_unusual_time_bases(
    clock: Fraction, step: int, fps: float, decode: bool, tmp_path: Path
) -> None:
    ticks = [step * n for n in range(40)]
    frames = VideoTrack(ticks, "mpeg4" if clock.denominator < 65_536 else "libx264", clock)
    shown = video_of(Film(tmp_path / "x.nut", "nut", frames).write(), decode=decode).times
    assert shown.mean_fps == pytest.approx(fps, rel=1e-4)
    assert shown.median_fps == pytest.approx(fps, rel=1e-4)
    assert shown.jitter_s == pytest.approx(0, abs=1e-6)
    assert none(shown.gaps)


def test_jitter_is_how_far_95_in_100_are_off(tmp_path: Path) -> None:
    """Every tenth frame is 8 ms late: a fifth of the intervals is 8 ms off."""
    ticks = [tick + (720 if n % 10 == 5 else 0) for n, tick in enumerate(times(4))]
    path = Film(tmp_path / "x.mp4", "mp4", VideoTrack(ticks)).write()
    shown = video_of(path).times
    assert shown.jitter_s == pytest.approx(0.008, abs=1e-4)
    assert shown.interval_median_s == pytest.approx(FRAME_S, abs=1e-4)
    assert shown.interval_p95_s == pytest.approx(FRAME_S + 0.008, abs=1e-4)


def test_a_slow_stream_pauses_only_beyond_three_of_its_intervals(tmp_path: Path) -> None:
    ticks = [90_000 * second for second in (0, 1, 2, 3, 5, 6, 7, 11, 12)]
    path = Film(tmp_path / "x.mp4", "mp4", VideoTrack(ticks)).write()
    shown = video_of(path).times
    assert shown.gap_threshold_s == pytest.approx(3, rel=1e-3)
    assert only(shown.gaps) == pytest.approx((7, 4), abs=1e-3)


def test_one_frame_has_no_rate(tmp_path: Path) -> None:
    shown = video_of(Film(tmp_path / "x.mp4", "mp4", VideoTrack([0])).write()).times
    assert (shown.mean_fps, shown.interval_max_s, shown.jitter_s, shown.gaps) == (None,) * 4


@pytest.mark.parametrize("decode", [True, False])
def test_frames_without_times(decode: bool, tmp_path: Path) -> None:
    """A bare stream of H.264 has none."""
    frames = VideoTrack(times(1), parameters_in_band=True)
    path = Film(tmp_path / "x.h264", "h264", frames).write()
    video = video_of(path, decode=decode)
    assert (video.times.missing_times, video.traffic.packets) == (30, 30)
    assert (video.start_s, video.end_s, video.times.mean_fps) == (None, None, None)
    assert (video.times.gaps, video.still, video.black) == (None, None, None)


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("decode", [True, False])
def test_avi_has_times_of_decoding_only(decode: bool, b_frames: int, tmp_path: Path) -> None:
    ticks = [*range(30), *range(44, 60)]
    frames = VideoTrack(ticks, "mpeg4", Fraction(1, 30), b_frames=b_frames)
    video = video_of(Film(tmp_path / "x.avi", "avi", frames).write(), decode=decode)
    assert video.traffic.packets == 46
    assert only(video.times.gaps)[1] == pytest.approx(15 * FRAME_S, abs=1e-6)
    assert video.times.missing_times == 0


@pytest.mark.parametrize("decode", [True, False])
def test_a_slow_stream_with_b_frames_is_whole(decode: bool, tmp_path: Path) -> None:
    """Its last packet is not its last frame."""
    frames = VideoTrack([90_000 * second for second in range(12)], b_frames=2)
    found = inspect(Film(tmp_path / "x.mp4", "mp4", frames).write(), decode=decode)
    assert found.error is None
    assert found.video[0].end_s == pytest.approx(12, abs=1e-3)
