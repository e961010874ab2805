"""Loud sines, and what is heard beside them where they are distorted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 48_000
FULL_SCALE: Final = 32_767
MINUS_3_DB: Final = 10 ** (-3 / 20) * FULL_SCALE

CHORDS: Final = (
    ((440.0, 554.37, 659.25, 880.0), -52.0),
    ((440.0, 441.3, 1003.0, 1700.0), -44.0),
    ((97.0, 211.0, 440.0, 3001.0), -55.0),
)
"""Four tones each, and how loud what is heard beside them may be where their sum is limited.
Clipped it is -18 dB. The second has a beat, slower than the limiter holds."""


def sine(hertz: float, count: int, peak: float = MINUS_3_DB) -> NDArray[np.int32]:
    """`count` samples in stereo."""
    wave = np.rint(peak * np.sin(2 * np.pi * hertz * np.arange(count) / RATE))
    return np.repeat(wave[:, np.newaxis], 2, axis=1).astype(np.int32)


def chord(tones: Sequence[float], count: int) -> NDArray[np.int32]:
    """Their sum, each of -3 dBFS."""
    total = np.zeros((count, 2), np.int32)
    for tone in tones:
        total += sine(tone, count)
    return total


def foreign_db(samples: NDArray[Any], tones: Sequence[float]) -> float:
    """Of one channel: the strongest tone that none of these is, against the strongest of them."""
    spectrum = np.abs(np.fft.rfft(samples * np.blackman(len(samples))))
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    own = np.any([np.abs(hertz - tone) < 6 for tone in tones], axis=0)
    return float(20 * np.log10(spectrum[~own].max() / spectrum[own].max()))
