"""The mix of several publications, kept below full scale by the look-ahead limiter. Pure.

Silence that was put in stays silence without samples, however long it is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from orchestrator.media import AUDIO_CHANNELS, AUDIO_RATE
from orchestrator.mixing.limiter import Limiter
from orchestrator.pipes.timeline_items import AudioItem, Samples

LONG_SILENCE: Final = AUDIO_RATE
"""Silence of so many samples is not looked at; after it the gain is one."""


@dataclass(frozen=True, slots=True)
class Sum:
    """`count` samples of the mix as added up; `samples` None is silence."""

    count: int
    samples: NDArray[np.int32] | None


class LimitedMix:
    """Takes the mix in order and gives it out in order; both are continuous."""

    def __init__(self, start: int = 0) -> None:
        self.position = start
        """The next sample to give out."""
        self._limiter = Limiter()
        self._runs: deque[tuple[int, bool]] = deque()
        """What is held, as counts of samples, and whether they are silence that was put in."""

    def push(self, piece: Sum) -> list[AudioItem]:
        """What comes next; gives what is far enough ahead of its end."""
        silent, samples = piece.samples is None, piece.samples
        if samples is None:
            if piece.count >= LONG_SILENCE:
                return [*self.flush(), self._item(piece.count, None)]
            samples = np.zeros((piece.count, AUDIO_CHANNELS), np.int32)
        if self._runs and self._runs[-1][1] == silent:
            self._runs.append((self._runs.pop()[0] + piece.count, silent))
        elif piece.count:
            self._runs.append((piece.count, silent))
        return self._items(self._limiter.push(samples))

    def flush(self) -> list[AudioItem]:
        """All that is held: silence or nothing follows."""
        return self._items(self._limiter.flush())

    def _items(self, samples: Samples) -> list[AudioItem]:
        items, taken = [], 0
        while taken < len(samples):
            held, silent = self._runs.popleft()
            count = min(held, len(samples) - taken)
            if count < held:
                self._runs.appendleft((held - count, silent))
            items.append(self._item(count, None if silent else samples[taken : taken + count]))
            taken += count
        return items

    def _item(self, count: int, samples: Samples | None) -> AudioItem:
        self.position += count
        return AudioItem(self.position - count, count, samples)
