"""Statistics of a stream while it passes: pure, without a clock, and of bounded memory.

Times are whole nanoseconds. What is kept does not grow with the file: a histogram of at most some
50 000 bins, the five longest of each kind of passage, and counts.
"""

from __future__ import annotations

import heapq
import math
from typing import Final

BITS: Final = 11
"""A histogram distinguishes values by their first eleven bits: to 0.1 %."""

LONGEST: Final = 5

PASSAGE_NS: Final = 500_000_000
"""The shortest still, black or silent passage that is counted."""


class Histogram:
    """How often whole numbers >= 0 came; log-linear bins as in HdrHistogram, with their sums.

    Quantiles are within 0.1 % of the exact ones, and exact where a bin holds one value only, as in
    a steady stream. Signed 64-bit values need at most 55 296 bins.
    """

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.maximum: int | None = None
        self._bins: dict[int, tuple[int, int]] = {}

    def add(self, value: int) -> None:
        """Counts one value."""
        shift = max(0, value.bit_length() - BITS)
        key = (shift << BITS) | (value >> shift)
        count, total = self._bins.get(key, (0, 0))
        self._bins[key] = (count + 1, total + value)
        self.count += 1
        self.total += value
        self.maximum = value if self.maximum is None else max(self.maximum, value)

    @property
    def bins(self) -> int:
        """How many there are: the memory it takes."""
        return len(self._bins)

    def quantile(self, part: float) -> float | None:
        """The value that `part` of all values don't exceed (nearest rank); None without values."""
        return _at_rank([(total / count, count) for count, total in self._bins.values()], part)

    def deviation(self, part: float) -> float | None:
        """How far `part` of all values are from the median at most."""
        median = self.quantile(0.5)
        if median is None:
            return None
        bins = self._bins.values()
        return _at_rank([(abs(total / count - median), count) for count, total in bins], part)

    def above(self, threshold: float) -> tuple[int, int]:
        """Count and sum of the values beyond `threshold`, to the width of a bin."""
        beyond = [(n, total) for n, total in self._bins.values() if total > threshold * n]
        return sum(n for n, _ in beyond), sum(total for _, total in beyond)


def _at_rank(weighted: list[tuple[float, int]], part: float) -> float | None:
    left = math.ceil(part * sum(count for _, count in weighted))
    for value, count in sorted(weighted):
        left -= count
        if left <= 0:
            return value
    return None


class Longest:
    """The longest passages, and where they begin; of equal ones those that came first."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, int]] = []

    def add(self, at_ns: int, duration_ns: int) -> None:
        """Takes one passage."""
        heapq.heappush(self._kept, (duration_ns, -at_ns))
        if len(self._kept) > LONGEST:
            heapq.heappop(self._kept)

    def all(self) -> list[tuple[int, int]]:
        """(begin, duration) of at most five, longest first."""
        return [(-at_ns, duration_ns) for duration_ns, at_ns in sorted(self._kept, reverse=True)]


class Passages:
    """Count, sum and the longest of passages; shorter ones than `minimum_ns` are none."""

    def __init__(self, minimum_ns: int = 1) -> None:
        self.count = 0
        self.total_ns = 0
        self.longest = Longest()
        self._minimum_ns = minimum_ns

    def add(self, at_ns: int, duration_ns: int) -> None:
        """Takes one passage, if it is long enough."""
        if duration_ns >= self._minimum_ns:
            self.count += 1
            self.total_ns += duration_ns
            self.longest.add(at_ns, duration_ns)


class Condition:
    """Passages during which something holds, given by successive moments."""

    def __init__(self, minimum_ns: int = PASSAGE_NS) -> None:
        self.passages = Passages(minimum_ns)
        self._since_ns: int | None = None

    def update(self, time_ns: int, holds: bool) -> None:
        """From this moment on it holds, or it doesn't."""
        if holds and self._since_ns is None:
            self._since_ns = time_ns
        elif not holds and self._since_ns is not None:
            self.passages.add(self._since_ns, time_ns - self._since_ns)
            self._since_ns = None


class Intervals:
    """The times of frames that follow each other."""

    SHORTEST_GAP_NS: Final = 250_000_000
    MEDIANS: Final = 3

    def __init__(self) -> None:
        self.count = 0
        self.missing = 0
        self.duplicates = 0
        self.first_ns: int | None = None
        self.steps = Histogram()
        self.backward = Passages()
        self._last_ns: int | None = None
        self._latest: tuple[int, int] | None = None
        self._longest = Longest()

    def add(self, time_ns: int | None, lasts_ns: int = 0) -> None:
        """The next frame: its time, None if it has none, and its stated duration."""
        self.count += 1
        if time_ns is None:
            self.missing += 1
            return
        before_ns, self._last_ns = self._last_ns, time_ns
        # Of earlier frames the length isn't asked: an MP4 with B-frames says it wrongly.
        self._latest = max(self._latest or (time_ns, lasts_ns), (time_ns, lasts_ns))
        if before_ns is None:
            self.first_ns = time_ns
        else:
            self._step(before_ns, time_ns)

    def _step(self, before_ns: int, time_ns: int) -> None:
        step_ns = time_ns - before_ns
        if step_ns > 0:
            self.steps.add(step_ns)
            self._longest.add(before_ns, step_ns)
        elif step_ns:
            self.backward.add(before_ns, -step_ns)
        else:
            self.duplicates += 1

    @property
    def end_ns(self) -> int | None:
        """When the last frame ends; if it isn't said how long it lasts, as long as most do."""
        if self._latest is None:
            return None
        time_ns, lasts_ns = self._latest
        return time_ns + (lasts_ns or round(self.steps.quantile(0.5) or 0))

    @property
    def mean_ns(self) -> float | None:
        """The mean step forward."""
        return self.steps.total / self.steps.count if self.steps.count else None

    @property
    def gap_threshold_ns(self) -> float | None:
        """Steps beyond this are gaps; known when all have come, as it depends on the median."""
        median_ns = self.steps.quantile(0.5)
        if median_ns is None:
            return None
        return max(self.MEDIANS * median_ns, float(self.SHORTEST_GAP_NS))

    def gaps(self) -> tuple[int, int, list[tuple[int, int]]]:
        """Count, sum and the longest of the steps beyond the threshold."""
        threshold_ns = self.gap_threshold_ns
        if threshold_ns is None:
            return 0, 0, []
        count, total_ns = self.steps.above(threshold_ns)
        return count, total_ns, self._longest.all()[:count]


class Continuity:
    """Whether pieces of audio follow each other without gaps, by their times and lengths."""

    def __init__(self, tolerance_ns: int) -> None:
        self.gaps = Passages(tolerance_ns + 1)
        self.unsent = Passages(tolerance_ns + 1)
        self.overlaps = Passages(tolerance_ns + 1)
        self.missing = 0
        self.samples = 0
        self.lasts_ns = 0
        """The length of all pieces together."""
        self.first_ns: int | None = None
        self.end_ns: int | None = None
        """Where the piece before ends ..."""
        self.latest_ns: int | None = None
        """... and where the one does that reaches furthest."""

    def add(self, start_ns: int | None, samples: int, rate: int, *, unsent: bool = False) -> int:
        """The next piece; returns where it begins. One without a time follows the one before.

        `unsent`: what lies between the two is no gap, its encoder left it out.
        """
        if start_ns is None:
            self.missing += 1
            start_ns = self.end_ns or 0
        if self.end_ns is None:
            self.first_ns = start_ns
        else:
            between = self.unsent if unsent else self.gaps
            between.add(self.end_ns, start_ns - self.end_ns)
            self.overlaps.add(start_ns, self.end_ns - start_ns)
        lasts_ns = round(samples * 10**9 / rate)
        self.samples += samples
        self.lasts_ns += lasts_ns
        self.end_ns = start_ns + lasts_ns
        self.latest_ns = max(self.latest_ns or self.end_ns, self.end_ns)
        return start_ns


class Reorder:
    """Gives frames in the order of their times that come in the order of decoding."""

    DEPTH: Final = 32
    """H.264 and HEVC allow a frame to come sixteen places too late."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int]] = []

    def push(self, time_ns: int, lasts_ns: int) -> list[tuple[int, int]]:
        """Takes a frame's time and length; returns the earliest frame once enough wait."""
        heapq.heappush(self._waiting, (time_ns, lasts_ns))
        return [heapq.heappop(self._waiting)] if len(self._waiting) > self.DEPTH else []

    def rest(self) -> list[tuple[int, int]]:
        """Those that still wait, in order."""
        rest, self._waiting = sorted(self._waiting), []
        return rest
