"""Which spans of time a recording is paused in, and what is cut out by that. Pure.

Times are capture times: nanoseconds of the monotonic clock. What was captured before a pause begins
or after it has ended is recorded, whenever it comes; audio and video by the same moments.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from orchestrator.media import AUDIO_RATE, SECOND_NS

KEPT_NS: Final = 30 * SECOND_NS
"""So long after its end a pause is known by itself: nothing from before it comes as late."""

MOST_AHEAD_NS: Final = SECOND_NS
"""How far a frame's capture time may lie ahead of now to be gone by: a video stands as late as the
audio that it belongs to came."""

STALE_NS: Final = SECOND_NS
"""Frames that are older say nothing of when the next one comes."""

LONGEST_STEP_NS: Final = 100_000_000
"""At less than ten frames a second no boundary waits for the middle between two."""


class PauseMode(StrEnum):
    """What is in the file for a pause: nothing, or the last frame and silence."""

    CUT = "cut"
    STILL = "still"


@dataclass(slots=True)
class PauseSpan:
    """One pause, from the first moment that isn't recorded to the first that is again."""

    number: int
    """From 1, over all workers of a recording."""
    mode: PauseMode
    begin_ns: int
    end_ns: int | None = None
    cut_earlier_ns: int = 0
    """What the pauses before it took out of the file."""

    def holds(self, time_ns: int) -> bool:
        """Whether what was captured then is left out."""
        return self.begin_ns <= time_ns and (self.end_ns is None or time_ns < self.end_ns)

    def cut_before(self, time_ns: int) -> int:
        """How much of the time before a moment it takes out of the file."""
        if self.mode is PauseMode.STILL or time_ns <= self.begin_ns:
            return 0
        return min(time_ns, self.end_ns or time_ns) - self.begin_ns


@dataclass(frozen=True, slots=True)
class EarlierPauses:
    """Those of a recording's earlier workers."""

    count: int = 0
    cut_ns: int = 0
    """What those that have ended took out of the file."""
    opened: PauseSpan | None = None
    """The one that lasts."""


class PauseSpans:
    """All pauses of a recording; at most one of them lasts."""

    def __init__(self, earlier: EarlierPauses | None = None) -> None:
        known = earlier or EarlierPauses()
        self._cut_ns, self._count = known.cut_ns, known.count
        self._spans = [known.opened] if known.opened is not None else []

    @property
    def current(self) -> PauseSpan | None:
        """The one that lasts."""
        last = self._spans[-1] if self._spans else None
        return last if last is not None and last.end_ns is None else None

    @property
    def recent(self) -> Sequence[PauseSpan]:
        """Those that are known by themselves, in order: of this worker, or lasting when it began.

        One that has ended may be gone with the next that begins (`KEPT_NS`).
        """
        return tuple(self._spans)

    def open(self, mode: PauseMode, begin_ns: int) -> None:
        """A pause begins; none may last."""
        assert self.current is None
        for span in [each for each in self._spans if _ended_before(each, begin_ns - KEPT_NS)]:
            self._cut_ns += span.cut_before(begin_ns)
            self._spans.remove(span)
        last = self._spans[-1].end_ns if self._spans else None
        begin_ns = max(begin_ns, last or begin_ns)
        self._count += 1
        cut_ns = self.cut_before(begin_ns)
        self._spans.append(PauseSpan(self._count, mode, begin_ns, cut_earlier_ns=cut_ns))

    def close(self, end_ns: int, *, begin_ns: int | None = None) -> None:
        """The one that lasts ends; `begin_ns` corrects where it began."""
        current = self.current
        assert current is not None
        if begin_ns is not None:
            current.begin_ns = begin_ns
        current.end_ns = max(end_ns, current.begin_ns)

    def move(self, by_ns: int) -> None:
        """All times so far should have been `by_ns` later."""
        for span in self._spans:
            span.begin_ns += by_ns
            span.end_ns = None if span.end_ns is None else span.end_ns + by_ns

    def holds(self, time_ns: int) -> bool:
        """Whether what was captured then is left out."""
        return any(span.holds(time_ns) for span in self._spans)

    def cut_before(self, time_ns: int) -> int:
        """How much of the time before a moment isn't in the file."""
        return self._cut_ns + sum(span.cut_before(time_ns) for span in self._spans)

    def ended_before(self, time_ns: int) -> int:
        """The number of the last pause that had ended then; 0 if none had."""
        ended = (span.number for span in self._spans if _ended_before(span, time_ns + 1))
        return max(ended, default=0)

    def kept(self, time_ns: int, count: int) -> list[tuple[int, int]]:
        """Which samples (first, end) of `count` from a moment on are recorded."""
        ranges = [(0, count)]
        for span in self._spans:
            begin = _sample(span.begin_ns - time_ns, count)
            end = count if span.end_ns is None else _sample(span.end_ns - time_ns, count)
            around = [
                each
                for first, last in ranges
                for each in ((first, min(last, begin)), (max(first, end), last))
            ]
            ranges = [(first, last) for first, last in around if first < last]
        return ranges


class FrameTimes:
    """When frames of a video were captured: a boundary is put between two of them."""

    def __init__(self) -> None:
        self.newest_ns: int | None = None
        self._steps: deque[int] = deque(maxlen=3)

    def saw(self, time_ns: int) -> None:
        """A frame came."""
        if self.newest_ns is not None and time_ns > self.newest_ns:
            self._steps.append(time_ns - self.newest_ns)
        self.newest_ns = max(time_ns, self.newest_ns or time_ns)

    def boundary(self, now_ns: int, not_before_ns: int) -> int:
        """The first moment from now on, behind all that came, in the middle between two frames.

        What was recorded up to one such moment, and goes on from another, has its frames at equal
        distances. `not_before_ns`: up to where audio came.
        """
        at = max(now_ns, min(not_before_ns, now_ns + MOST_AHEAD_NS))
        if self.newest_ns is None or now_ns - self.newest_ns > STALE_NS:
            return at
        newest = min(self.newest_ns, now_ns + MOST_AHEAD_NS)
        at = max(at, newest + 1)
        step = sorted(self._steps)[len(self._steps) // 2] if self._steps else LONGEST_STEP_NS + 1
        if step > LONGEST_STEP_NS:
            return at
        steps = max(-((step - 2 * (at - newest)) // (2 * step)), 0)
        return newest + steps * step + step // 2 + 1


def _ended_before(span: PauseSpan, time_ns: int) -> bool:
    return span.end_ns is not None and span.end_ns < time_ns


def _sample(after_ns: int, count: int) -> int:
    """The first of `count` samples that stands so long after the first one, or later."""
    return min(max(-(-after_ns * AUDIO_RATE // SECOND_NS), 0), count)
