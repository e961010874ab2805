"""How loud decoded audio is: the level of short blocks, the peak, and what reaches full scale.

1.0 is full scale, of integer and of floating point samples alike; levels are RMS, so a full-scale
sine has 0.707 (-3 dBFS) and a full-scale square wave 1.0 (0 dBFS).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame

from orchestrator.mediafiles.inspect.statistics import Condition, Passages

SILENT_DBFS: Final = -60.0
SILENT: Final = 10 ** (SILENT_DBFS / 10)
"""The mean square below which a block is silent."""

BLOCK_S: Final = 0.02

LOUDEST: Final = 1000.0
"""60 dB beyond full scale: louder samples count as this."""

Samples = npt.NDArray[np.float32]
"""By channel and time."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """How the samples of a format become -1 to 1, and from where on they are at full scale."""

    type: str
    zero: float
    one: float
    full: float


_SCALES: Final = {
    "u8": _Scale("u1", 128, 2.0**7, 1 - 2.0**-7),
    "s16": _Scale("i2", 0, 2.0**15, 1 - 2.0**-15),
    "s32": _Scale("i4", 0, 2.0**31, 1 - 2.0**-23),  # 24-bit audio comes as 32-bit
    "flt": _Scale("f4", 0, 1.0, 1.0),
    "dbl": _Scale("f8", 0, 1.0, 1.0),
}

_MOST_PLANES: Final = 8
"""AV_NUM_DATA_POINTERS (libavutil/frame.h). PyAV 18 doesn't know where a longer list of planes
ends, and finds a ninth when there are eight: its own `to_ndarray` crashes on 7.1 audio."""


@dataclass(frozen=True, slots=True)
class FrameLevels:
    """What one frame of audio is like."""

    peak: float
    energy: float
    """Sum of the squares of all samples."""
    values: int
    """Samples of all channels."""
    full_scale: int
    blocks: npt.NDArray[np.float32]
    """Mean square of each block; the blocks are about 20 ms long and of equal length."""


def levels_of(frame: AudioFrame) -> FrameLevels | None:
    """Measures a decoded frame that isn't empty; None if nothing here reads its samples."""
    scale = _SCALES.get(frame.format.name.removesuffix("p"))
    if scale is None or (frame.format.is_planar and frame.layout.nb_channels > _MOST_PLANES):
        return None
    samples = (_samples(frame, scale.type) - scale.zero) / scale.one
    return measure(samples.astype(np.float32), frame.sample_rate, full=scale.full)


def _samples(frame: AudioFrame, kind: str) -> npt.NDArray[Any]:
    """By channel and time, as they come."""
    channels = frame.layout.nb_channels
    if not frame.format.is_planar:
        values = np.frombuffer(memoryview(frame.planes[0]), kind, frame.samples * channels)
        return values.reshape(-1, channels).T
    planes = frame.planes[:channels]
    return np.stack([np.frombuffer(memoryview(one), kind, frame.samples) for one in planes])


def measure(samples: Samples, rate: int, *, full: float) -> FrameLevels:
    """Measures samples; at or beyond `full` they are at full scale."""
    size = np.abs(samples)
    peak = float(size.max())
    if not peak <= LOUDEST:  # floating point audio may hold anything, also what is no number
        return measure(np.clip(np.nan_to_num(samples), -LOUDEST, LOUDEST), rate, full=full)
    squares = np.square(samples).mean(axis=0)
    count = samples.shape[1]
    starts = block_starts(count, rate)
    sums = np.add.reduceat(squares, starts)
    return FrameLevels(
        peak=peak,
        energy=float(squares.sum(dtype=np.float64)) * samples.shape[0],
        values=samples.size,
        full_scale=int(np.count_nonzero(size >= full)),
        blocks=(sums / np.diff(starts, append=count)).astype(np.float32),
    )


def block_starts(count: int, rate: int) -> npt.NDArray[np.int64]:
    """Where the blocks of `count` samples begin."""
    pieces = max(1, round(count / rate / BLOCK_S))
    return np.arange(pieces, dtype=np.int64) * count // pieces


class Loudness:
    """Peak, level and silent passages of half a second and more."""

    def __init__(self) -> None:
        self.peak: float | None = None
        self.full_scale = 0
        self._energy = 0.0
        self._values = 0
        self._silence = Condition()

    @property
    def rms(self) -> float | None:
        """The level of all of it."""
        return math.sqrt(self._energy / self._values) if self._values else None

    @property
    def silence(self) -> Passages:
        """The silent passages."""
        return self._silence.passages

    def add(self, start_ns: int, end_ns: int, heard: FrameLevels) -> None:
        """The next frame."""
        self.peak = heard.peak if self.peak is None else max(self.peak, heard.peak)
        self.full_scale += heard.full_scale
        self._energy += heard.energy
        self._values += heard.values
        step_ns = (end_ns - start_ns) / len(heard.blocks)
        for number, square in enumerate(heard.blocks.tolist()):
            self._silence.update(start_ns + round(number * step_ns), square <= SILENT)

    def interrupt(self, time_ns: int) -> None:
        """Here audio ends for a while, or for good: a gap is no recorded silence."""
        self._silence.update(time_ns, False)
