"""Frame rates by the frames' times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pipes.frame_rate import LEAST_FPS, LEAST_FRAMES, MOST_FPS, FrameRate, differs


def rate_of(times: list[int], window_s: float = 0.5) -> float | None:
    rate = FrameRate(window_s)
    for at in times:
        rate.add(at)
    return rate.fps


@pytest.mark.parametrize("fps", [1, 5, 15, 29.97, 60, 144])
def test_a_steady_rate(fps: float) -> None:
    assert rate_of([round(90_000 * n / fps) for n in range(400)]) == pytest.approx(fps, rel=1e-3)


def test_too_few_frames_tell_nothing() -> None:
    times = [3000 * n for n in range(LEAST_FRAMES + 1)]
    assert rate_of(times[:-1]) is None
    assert rate_of(times) == 30


def test_a_change_is_seen_within_the_window() -> None:
    rate = FrameRate(0.5)
    at, seen = 0, list[float | None]()
    for step in [3000] * 60 + [1500] * 31:
        at += step
        rate.add(at)
        seen.append(rate.fps)
    assert seen[59] == 30
    assert seen[-1] == 60


def test_a_slow_rate_is_taken_over_few_frames() -> None:
    assert rate_of([3000 * n for n in range(60)] + [180_000 + 18_000 * n for n in range(5)]) == 5


def test_jitter_is_averaged() -> None:
    times = [3000 * n + (700 if n % 2 else 0) for n in range(60)]
    fps = rate_of(times)
    assert fps is not None
    assert not differs(fps, 30, 0.05)


@given(st.lists(st.integers(0, 2**40), max_size=50))
def test_whatever_comes_it_is_a_rate_that_encoders_take(times: list[int]) -> None:
    fps = rate_of(sorted(times))
    assert fps is None or LEAST_FPS <= fps <= MOST_FPS
