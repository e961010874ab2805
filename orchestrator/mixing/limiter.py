"""Keeps the sum of several microphones below full scale without clicks or distortion. Pure.

A look-ahead limiter: the gain goes down before a peak that would clip, stays down for a while, and
comes back. It changes the level only where the sum exceeds 16 bits, so that a lone speaker, however
loud, comes out bit by bit as they were. Samples keep their positions; they are given out 6 ms
later. A gain depends on what is at most `MEMORY` before and `LATENCY` behind, and on nothing else.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from orchestrator.media import AUDIO_CHANNELS, AUDIO_RATE

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

RISE: Final = AUDIO_RATE // 4 // HOP
"""Hops in which it comes back all the way, slowly at first: for a peak that is as loud again."""

MEMORY: Final = (AHEAD + HOLD + RISE) * HOP
"""Samples before a hop on which its gain depends: 0.5 s."""

LATENCY: Final = (AHEAD + 1) * HOP
"""Samples that are held at most."""

Sums = NDArray[np.int32]
"""What microphones are together, shape (n, 2), 48 kHz; 1 is the least step of 16 bits."""

Limited = NDArray[np.int16]

_BEFORE: Final = MEMORY // HOP
_RAMP: Final = (np.arange(HOP) + 0.5) / HOP
_RISEN: Final = (np.maximum(np.arange(_BEFORE, -1, -1) - AHEAD - HOLD, 0) / RISE) ** 3
"""By how much the gain is more than a hop allows: from the hops before it to `AHEAD` behind."""
_AT_ONCE: Final = 256
"""Hops whose gains are found together: 1.5 MB of them."""


class Limiter:
    """Takes sums in order and gives them out in order; both are continuous."""

    def __init__(self) -> None:
        self._held = np.zeros((0, AUDIO_CHANNELS), np.int32)
        self._reset()

    def push(self, sums: Sums) -> Limited:
        """What comes next; gives what is far enough ahead of its end."""
        self._held = np.concatenate((self._held, sums))
        self._look()
        return self._give(max(len(self._held) // HOP - AHEAD, 0) * HOP)

    def flush(self) -> Limited:
        """All that is held: silence or nothing follows."""
        count = len(self._held)
        self._held = np.concatenate((self._held, np.zeros((LATENCY, AUDIO_CHANNELS), np.int32)))
        self._look()
        given = self._give(count)
        self._held = self._held[:0]
        self._reset()
        return given

    def _reset(self) -> None:
        self._allowed = np.ones(_BEFORE)
        """The gain that each hop allows: of the last ones given out, and those held."""

    def _look(self) -> None:
        """Finds the gain that each new whole hop allows."""
        known, whole = len(self._allowed) - _BEFORE, len(self._held) // HOP
        new = self._held[known * HOP : whole * HOP]
        # 16 bits reach one further down than up: ~sample stands for a negative one.
        peaks = (new ^ (new >> 31)).reshape(-1, HOP * AUDIO_CHANNELS).max(axis=1)
        allowed = np.where(peaks > FULL_SCALE, CEILING / np.maximum(peaks, 1), 1.0)
        self._allowed = np.concatenate((self._allowed, allowed))

    def _give(self, count: int) -> Limited:
        given = [self._turned_down(min(_AT_ONCE * HOP, left)) for left in _parts(count)]
        return np.concatenate(given) if given else np.zeros((0, AUDIO_CHANNELS), np.int16)

    def _turned_down(self, count: int) -> Limited:
        held, self._held = self._held[:count], self._held[count:]
        gains = self._gains(-(-count // HOP))
        if gains is None:
            return held.astype(np.int16)
        return np.rint(held * gains[:count, np.newaxis]).astype(np.int16)

    def _gains(self, hops: int) -> NDArray[np.float64] | None:
        """For each sample of the next hops; None where all are one."""
        allowed, self._allowed = self._allowed[: _BEFORE + hops + AHEAD], self._allowed[hops:]
        if allowed.min() == 1.0:
            return None
        # The first of these windows ends with the first hop: its gain is `AHEAD` hops before.
        windows = sliding_window_view(allowed, _BEFORE + 1)
        slow = np.minimum((windows + _RISEN).min(axis=1), 1.0)
        # The mean of the hops before each: it has come down when the peak comes.
        edges = sliding_window_view(slow, AHEAD).mean(axis=1)
        gains: NDArray[np.float64] = edges[:-1, np.newaxis] + np.outer(np.diff(edges), _RAMP)
        return gains.reshape(-1)


def _parts(count: int) -> range:
    """How many samples are left at each step."""
    return range(count, 0, -_AT_ONCE * HOP)
