"""Levels of known samples, against the plain computation."""

from __future__ import annotations

import math
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mediafiles.inspect.audio_levels import Loudness, block_starts, levels_of, measure

MS = 1_000_000
RATE = 48_000


def frame_of(samples: Any, format: str, layout: str) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples, format=format, layout=layout)
    frame.sample_rate = RATE
    return frame


@pytest.mark.parametrize(
    ("format", "values", "peak", "full"),
    [
        ("u8", np.array([128, 192, 255], np.uint8), 127 / 128, 1),
        ("s16", np.array([0, 16_384, 32_767], np.int16), 32_767 / 32_768, 1),
        ("s16p", np.array([0, 16_384, -32_768], np.int16), 1.0, 1),
        ("s32", np.array([0, 2**30, (2**23 - 1) << 8], np.int32), 1 - 2.0**-23, 1),
        ("flt", np.array([0, 0.5, 1.0], np.float32), 1.0, 1),
        ("fltp", np.array([0, 0.5, -0.99], np.float32), 0.99, 0),
        ("dbl", np.array([0, 0.5, 1.5], np.float64), 1.5, 1),
    ],
)
def test_full_scale_is_one_in_every_format(
    format: str, values: npt.NDArray[Any], peak: float, full: int
) -> None:
    heard = levels_of(frame_of(np.tile(values, (1, 100)), format, "mono"))
    assert heard is not None
    assert heard.peak == pytest.approx(peak, rel=1e-6)
    assert (heard.values, heard.full_scale) == (300, 100 * full)


@pytest.mark.parametrize("format", ["s16", "s16p"])
def test_all_channels_are_heard(format: str) -> None:
    left, right = np.full(480, 16_384, np.int16), np.zeros(480, np.int16)
    both = np.stack([left, right])
    samples = both if format.endswith("p") else both.T.reshape(1, -1)
    heard = levels_of(frame_of(np.ascontiguousarray(samples), format, "stereo"))
    assert heard is not None
    assert (heard.peak, heard.values) == (0.5, 960)
    assert heard.energy == pytest.approx(480 * 0.25)


@pytest.mark.parametrize("format", ["flt", "fltp"])
def test_eight_channels_are_heard(format: str) -> None:
    level = np.arange(1, 9, dtype=np.float32) / 16
    packed = frame_of(np.tile(level, (1, 480)), "flt", "7.1")
    (frame,) = av.AudioResampler(format, "7.1", RATE).resample(packed)
    heard = levels_of(frame)
    assert heard is not None
    assert (heard.peak, heard.values) == (0.5, 8 * 480)
    assert heard.energy == pytest.approx(480 * float((level**2).sum()))


def test_more_planes_than_pyav_can_tell_are_not_measured() -> None:
    assert levels_of(av.AudioFrame("fltp", "hexadecagonal", 480)) is None
    assert levels_of(av.AudioFrame("s64", "mono", 480)) is None


@given(
    st.integers(1, 3),
    st.integers(1, 5000),
    st.sampled_from([8000, RATE]),
    st.integers(0, 2**32 - 1),
)
def test_blocks(channels: int, count: int, rate: int, seed: int) -> None:
    samples = np.random.default_rng(seed).uniform(-1, 1, (channels, count)).astype(np.float32)
    heard = measure(samples, rate, full=0.5)
    assert heard.peak == float(np.abs(samples).max())
    assert heard.full_scale == int((np.abs(samples) >= 0.5).sum())
    assert heard.energy == pytest.approx(float((samples.astype(np.float64) ** 2).sum()), rel=1e-4)
    starts = [*block_starts(count, rate).tolist(), count]
    for number, square in enumerate(heard.blocks):
        block = samples[:, starts[number] : starts[number + 1]]
        assert square == pytest.approx(float((block.astype(np.float64) ** 2).mean()), rel=1e-4)


@given(st.integers(1, 10**6), st.sampled_from([8000, 44_100, RATE, 192_000]))
def test_blocks_are_about_20_ms_and_cover_everything(count: int, rate: int) -> None:
    starts = block_starts(count, rate).tolist()
    lengths = [b - a for a, b in zip(starts, [*starts[1:], count], strict=True)]
    assert starts[0] == 0
    assert all(length > 0 for length in lengths)
    assert max(lengths) <= max(0.03 * rate, 1) + 1


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 1e30])
def test_numbers_that_are_none_stay_finite(odd: float) -> None:
    heard = measure(np.array([[0.5, odd, 0.5]], np.float32), RATE, full=1.0)
    assert math.isfinite(heard.peak)
    assert math.isfinite(heard.energy)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), min_size=1, max_size=8))
def test_silence_is_half_a_second_of_quiet_blocks(told: list[tuple[bool, int]]) -> None:
    loudness = Loudness()
    quiet = [silent for silent, blocks in told for _ in range(blocks)]
    block = 20 * MS
    for number, silent in enumerate(quiet):
        level = 0.0009 if silent else 0.0011  # -60.9 and -59.2 dBFS
        heard = measure(np.full((2, 960), level, np.float32), RATE, full=1.0)
        loudness.add(number * block, (number + 1) * block, heard)
    loudness.interrupt(len(quiet) * block)
    runs = "".join("x" if silent else " " for silent in quiet).split()
    kept = [len(run) for run in runs if len(run) >= 25]
    assert (loudness.silence.count, loudness.silence.total_ns) == (len(kept), sum(kept) * block)


def test_a_sine_is_3_db_below_its_peak() -> None:
    loudness = Loudness()
    assert (loudness.peak, loudness.rms) == (None, None)
    wave = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    loudness.add(0, 1000 * MS, measure(wave.astype(np.float32).reshape(1, -1), RATE, full=1.0))
    assert loudness.peak == pytest.approx(0.5, abs=1e-4)
    assert loudness.rms == pytest.approx(0.5 / math.sqrt(2), abs=1e-4)
