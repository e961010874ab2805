"""Keeps the mix of several publications below full scale without clicks or distortion. Pure.

A look-ahead limiter: the gain goes down before a peak that would clip, stays down for a while, and
rises slowly. It changes the level only where the sum exceeds 16 bits, so that a lone speaker,
however loud, comes out bit by bit as they were. Samples keep their positions; they are given out 6
ms later.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from orchestrator.media import AUDIO_CHANNELS, AUDIO_RATE
from orchestrator.pipes.timeline_items import AudioItem, Samples

FULL_SCALE: Final = 32_767

CEILING: Final = 0.95 * FULL_SCALE
"""Where peaks of a sum that exceeds full scale end: 0.45 dB below it, which leaves lossy encoders
room, and changes a speaker at full scale beside noise by less than 0.5 dB."""

HOP: Final = 32
"""Samples that share a peak: 0.67 ms; between two hops the gain runs straight."""

AHEAD: Final = 8
"""Hops in which the gain goes down before a peak: 5 ms."""

HOLD: Final = AUDIO_RATE // 4 // HOP
"""Hops for which it stays down: 0.25 s. The peaks of tones that beat are within that, so the gain
stands still instead of following them, which would be heard as tones of its own."""

RISE: Final = HOP / AUDIO_RATE
"""By how much it rises in a hop: all the way in a second."""

LONG_SILENCE: Final = AUDIO_RATE
"""Silence of so many samples is not looked at; after it the gain is one."""

_RAMP: Final = (np.arange(HOP) + 0.5) / HOP


@dataclass(frozen=True, slots=True)
class Sum:
    """`count` samples of the mix as added up; `samples` None is silence."""

    count: int
    samples: NDArray[np.int32] | None


class Limiter:
    """Takes the mix in order and gives it out in order; both are continuous."""

    def __init__(self, start: int = 0) -> None:
        self.position = start
        """The next sample to give out."""
        self._held = np.zeros((0, AUDIO_CHANNELS), np.int32)
        self._runs: deque[tuple[int, bool]] = deque()
        """What is held, as counts of samples, and whether they are silence that was put in."""
        self._reset()

    def push(self, piece: Sum) -> list[AudioItem]:
        """What comes next; gives what is far enough ahead of its end."""
        if piece.samples is None and piece.count >= LONG_SILENCE:
            return [*self.flush(), self._item(piece.count, None)]
        self._hold(piece)
        self._look()
        return self._give(max(len(self._held) // HOP - AHEAD, 0) * HOP)

    def flush(self) -> list[AudioItem]:
        """All that is held: silence or nothing follows."""
        count = len(self._held)
        behind = np.zeros(((AHEAD + 1) * HOP, AUDIO_CHANNELS), np.int32)
        self._held = np.concatenate((self._held, behind))
        self._look()
        items = self._give(count)
        self._held = self._held[:0]
        self._reset()
        return items

    def _reset(self) -> None:
        self._allowed = np.ones(HOLD)
        """The gain that each hop allows: of the last ones given out, and those held."""
        self._slow: NDArray[np.float64] | None = None
        """The gain, before it is made smooth, of the last hops given out; None at a beginning."""

    def _hold(self, piece: Sum) -> None:
        silent, samples = piece.samples is None, piece.samples
        if samples is None:
            samples = np.zeros((piece.count, AUDIO_CHANNELS), np.int32)
        self._held = np.concatenate((self._held, samples))
        if self._runs and self._runs[-1][1] == silent:
            self._runs.append((self._runs.pop()[0] + piece.count, silent))
        elif piece.count:
            self._runs.append((piece.count, silent))

    def _look(self) -> None:
        """Finds the gain that each new whole hop allows."""
        known, whole = len(self._allowed) - HOLD, len(self._held) // HOP
        new = self._held[known * HOP : whole * HOP]
        # 16 bits reach one further down than up: ~sample stands for a negative one.
        peaks = (new ^ (new >> 31)).reshape(-1, HOP * AUDIO_CHANNELS).max(axis=1)
        allowed = np.where(peaks > FULL_SCALE, CEILING / np.maximum(peaks, 1), 1.0)
        self._allowed = np.concatenate((self._allowed, allowed))

    def _give(self, count: int) -> list[AudioItem]:
        if not count:
            return []
        gains = self._gains(-(-count // HOP))
        held, self._held = self._held[:count], self._held[count:]
        samples: Samples = (
            held.astype(np.int16)
            if gains is None
            else np.rint(held * gains[:count, np.newaxis]).astype(np.int16)
        )
        return self._items(samples)

    def _gains(self, hops: int) -> NDArray[np.float64] | None:
        """For each sample of the next hops; None where all are one."""
        allowed, self._allowed = self._allowed, self._allowed[hops:]
        if self._slow is None:  # nothing before the first sample could have been turned down
            self._slow = np.full(AHEAD, allowed[HOLD : HOLD + AHEAD].min())
        if min(allowed[: HOLD + hops + AHEAD].min(), self._slow.min()) == 1.0:
            return None
        least = sliding_window_view(allowed, HOLD + 1 + AHEAD)[:hops].min(axis=1)
        risen = RISE * np.arange(hops + 1)
        slow = np.minimum.accumulate(np.append(self._slow[-1], least) - risen) + risen
        slow[slow > 1 - RISE / 2] = 1.0
        # The mean of the hops before each: it has come down when the peak comes.
        behind = np.concatenate((self._slow, slow[1:]))
        self._slow = behind[-AHEAD:]
        edges = sliding_window_view(behind, AHEAD).mean(axis=1)
        gains: NDArray[np.float64] = edges[:-1, np.newaxis] + np.outer(np.diff(edges), _RAMP)
        return gains.reshape(-1)

    def _items(self, samples: Samples) -> list[AudioItem]:
        """Silence that was put in stays without samples."""
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
