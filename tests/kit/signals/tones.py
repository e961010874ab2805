"""Which tones are heard when: measures audio in which each microphone has a tone of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

RATE: Final = 48_000

TONES: Final = (440, 620, 880, 1240, 1760, 2480)
"""Hz; no beep (`tests.kit.signals.codes`) has them."""

AMPLITUDE: Final = 450
"""Three of them together stay below what counts as a beep (`tests.kit.signals.reading.LOUD`)."""

WINDOW: Final = RATE // 2
"""Tones are measured in half seconds."""

BAND_HZ: Final = 12
"""Energy that far from a tone is still the tone's: audio that is slewed by 0.5 %, or whose phase
jumps where a frame is missing, is not at the tone's exact frequency."""

FINE: Final = RATE // 20
"""Samples in which it is looked whether a tone is there, where that has to be known well."""

Audio = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """Which tones are in each half second of some audio."""

    rows: Sequence[frozenset[int]]

    def all_of(self, tones: Iterable[int], begin: float = 0, end: float | None = None) -> int:
        """In how many of the half seconds between two times (s) each of the tones is."""
        return sum(row.issuperset(tones) for row in self.between(begin, end))

    def between(self, begin: float, end: float | None = None) -> Sequence[frozenset[int]]:
        """The half seconds between two times."""
        return self.rows[round(2 * begin) : None if end is None else round(2 * end)]

    def times(self, tone: int) -> list[float]:
        """When the tone is heard, in seconds."""
        return [number / 2 for number, row in enumerate(self.rows) if tone in row]


def heard(audio: Audio, tones: Sequence[int] = TONES) -> Heard:
    """The tones in mono samples between -1 and 1: those of at least 0.4 of full strength."""
    rows = []
    window, reach = np.hanning(WINDOW), BAND_HZ * WINDOW // RATE
    full = (AMPLITUDE / 2**15 * WINDOW / 4) ** 2 * 1.5
    for start in range(0, len(audio) - WINDOW + 1, WINDOW):
        energy = np.abs(np.fft.rfft(audio[start : start + WINDOW] * window)) ** 2
        middles = ((tone, tone * WINDOW // RATE) for tone in tones)
        strong = (
            tone
            for tone, middle in middles
            if energy[middle - reach : middle + reach + 1].sum() > 0.4**2 * full
        )
        rows.append(frozenset(strong))
    return Heard(rows)


def samples(tone: int, first: int, count: int) -> npt.NDArray[np.int16]:
    """A tone from its sample `first` on."""
    wave = AMPLITUDE * np.sin(2 * np.pi * tone * np.arange(first, first + count) / RATE)
    return wave.astype(np.int16)


def spans(audio: Audio, tone: int, start_s: float = 0.0) -> list[tuple[float, float]]:
    """From when to when the tone is heard, to 0.05 s; `start_s` is when the audio begins.

    Audio of less than 0.1 s counts as what is around it: a beep's begin is heard as every tone.
    """
    whole = audio[: len(audio) // FINE * FINE].reshape(-1, FINE) * np.hanning(FINE)
    wave = np.exp(-2j * np.pi * tone * np.arange(FINE) / RATE)
    present = np.abs(whole @ wave) > AMPLITUDE / 2**15 * FINE / 4 / 4
    for around in (False, True):
        same = present == around
        present[1:-1][same[:-2] & ~same[1:-1] & same[2:]] = around
    edges = np.flatnonzero(np.diff(present.astype(np.int8), prepend=0, append=0)) * FINE / RATE
    return [(start_s + float(begin), start_s + float(end)) for begin, end in edges.reshape(-1, 2)]
