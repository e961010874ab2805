"""Audio of any number of publications as one continuous stream of samples. Pure.

Every publication's frames are laid down by their times; where nothing came there is silence. A
clock that runs a little faster or slower than ours is followed by stretching frames by at most
`MAX_STRETCH` samples, so that nothing clicks and nothing drifts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from orchestrator.media import AUDIO_CHANNELS, AUDIO_RATE, SECOND_NS
from orchestrator.pipes.limiter import Sum
from orchestrator.pipes.timeline_items import Samples

GAP_SAMPLES: Final = AUDIO_RATE // 100
"""10 ms: a frame further off its place than this follows a gap (DTX, loss, mute)."""

TOLERANCE_SAMPLES: Final = AUDIO_RATE // 2000
"""0.5 ms: less than this is left alone."""

MAX_STRETCH: Final = 4
"""Samples a frame is stretched or shrunk by: 0.4 % of 20 ms."""

WINDOW_SAMPLES: Final = 4 * AUDIO_RATE
"""How far ahead of what was given out a frame may lie."""


def samples_at(offset_ns: int) -> int:
    """The sample that stands `offset_ns` after the beginning."""
    return (offset_ns * AUDIO_RATE + SECOND_NS // 2) // SECOND_NS


def stretch(samples: Samples, by: int) -> Samples:
    """The same audio in `by` more samples, by linear interpolation."""
    count = len(samples)
    at = np.linspace(0, count - 1, count + by)
    left, right = (np.interp(at, np.arange(count), samples[:, c]) for c in range(AUDIO_CHANNELS))
    return np.stack((left, right), axis=1).round().astype(np.int16)


@dataclass(frozen=True, slots=True)
class MixerStatistics:
    """Counts since the beginning, in samples."""

    received: int = 0
    written: int = 0
    filled: int = 0
    """Silence put where nothing came; part of `written`."""
    concealed: int = 0
    """Made up where packets were lost: neither `received` nor `filled`."""
    late: int = 0
    """Came after their place was given out, or where their publication already has audio."""
    early: int = 0
    """Lay further ahead than the window."""


class Mixer:
    """Takes frames at positions, gives their sum in order; a position is a sample count."""

    def __init__(self, start: int = 0) -> None:
        self.position = start
        """The next sample to give out."""
        self._mix = np.zeros((2 * WINDOW_SAMPLES, AUDIO_CHANNELS), np.int32)
        self._came = np.zeros(2 * WINDOW_SAMPLES, np.bool_)
        """Where in the buffer any publication has audio."""
        self._base = start
        """Position of the buffers' first sample."""
        self._heads: dict[str, int] = {}
        """Where the audio of each publication ends so far."""
        self._expected: frozenset[str] = frozenset()
        self.furthest = start
        """The end of what came."""
        self._received = self._written = self._filled = self._late = self._early = 0
        self._concealed = 0

    def push(self, sid: str, position: int, samples: Samples, *, concealed: bool = False) -> None:
        """Adds a frame where it belongs, or right behind the publication's last one.

        `concealed`: it was made up where packets were lost, and what of it doesn't fit is no loss.
        """
        misfits = (self._late, self._early)
        self._received += 0 if concealed else len(samples)
        head = self._heads.get(sid)
        if head is not None and abs(off := position - head) < GAP_SAMPLES:
            position = head
            if abs(off) > TOLERANCE_SAMPLES and len(samples) > 2 * MAX_STRETCH:
                samples = stretch(samples, max(-MAX_STRETCH, min(MAX_STRETCH, off)))
        elif head is not None and position < head:
            self._late += min(head - position, len(samples))
            samples = samples[head - position :]
            position = head
        end = min(position + len(samples), self.position + WINDOW_SAMPLES)
        self._heads[sid] = end
        self.furthest = max(self.furthest, end)
        laid = self._add(position, samples)
        if concealed:
            self._concealed += laid
            self._late, self._early = misfits

    def expect(self, sids: frozenset[str]) -> None:
        """The publications to wait for; what the others left behind is still given out."""
        self._expected = sids
        # Audio that is still held may be followed by frames that were on their way.
        self._heads = {
            sid: head for sid, head in self._heads.items() if sid in sids or head > self.position
        }

    @property
    def heard(self) -> bool:
        """Whether any audio has come."""
        return self._received > 0

    @property
    def ready(self) -> int:
        """Up to where every expected publication has given its samples."""
        ends = [self._heads.get(sid, self.position) for sid in self._expected]
        return max(min(ends, default=self.furthest), self.position)

    def pull(self, until: int) -> list[Sum]:
        """The mix from `position` up to `until`, silence where nothing came."""
        items = []
        if (known := min(until, self.furthest)) > self.position:
            items.append(self._take(known))
        if until > self.position:
            self._filled += until - self.position
            items.append(Sum(until - self.position, None))
            self._advance(until)
        return items

    def statistics(self) -> MixerStatistics:
        """Counts so far."""
        return MixerStatistics(
            received=self._received,
            written=self._written,
            filled=self._filled,
            concealed=self._concealed,
            late=self._late,
            early=self._early,
        )

    def _add(self, position: int, samples: Samples) -> int:
        if (late := self.position - position) > 0:
            self._late += min(late, len(samples))
            samples, position = samples[late:], self.position
        capacity = max(self.position + WINDOW_SAMPLES - position, 0)
        if capacity < len(samples):
            self._early += len(samples) - capacity
            samples = samples[:capacity]
        at = position - self._base
        self._mix[at : at + len(samples)] += samples
        self._came[at : at + len(samples)] = True
        return len(samples)

    def _take(self, until: int) -> Sum:
        first, last = self.position - self._base, until - self._base
        samples = self._mix[first:last].copy()
        self._filled += len(samples) - int(np.count_nonzero(self._came[first:last]))
        item = Sum(len(samples), samples)
        self._advance(until)
        return item

    def _advance(self, until: int) -> None:
        self._written += until - self.position
        self.position = until
        if (used := until - self._base) > WINDOW_SAMPLES:
            for buffer in (self._mix, self._came):
                kept = max(len(buffer) - used, 0)
                buffer[:kept] = buffer[len(buffer) - kept :]
                buffer[kept:] = 0
            self._base = until
