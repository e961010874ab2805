"""The audio that two segments share, so that it has no seam when they are joined.

An audio encoder's packets reach into each other: the first of a segment comes out of silence, the
last ends in it. A segment that is to be joined therefore begins before the end of the one before,
and its packets stand where that one's do (`encoding.joining.seam` chooses among them). Pure.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from orchestrator.pipes.timeline_items import AudioItem

PACKET_GRID: Final = 15_360
"""Segments begin at multiples of 0.32 s behind the first one: whole packets of AAC (1024 samples,
ISO/IEC 14496-3 §4.5) and of Opus (960, RFC 6716 §2) alike."""

OVERLAP: Final = 4096
"""The least that two segments share: two packets to begin with, two to end with."""


def begin_before(sample: int, first: int) -> int:
    """Where a segment that continues at `sample` begins, in a file that begins at `first`."""
    return first + max(0, (sample - OVERLAP - first) // PACKET_GRID * PACKET_GRID)


class RecentAudio:
    """The audio that was written last: as much as two segments may share."""

    def __init__(self) -> None:
        self._items: deque[AudioItem] = deque()
        self._first = 0
        """Position of the first sample of an unbroken run."""

    def add(self, item: AudioItem) -> None:
        """The next one written."""
        if not self._items or self._end != item.pts:
            self._items.clear()
            self._first = item.pts
        self._items.append(item)
        begin = begin_before(self._end, self._first)
        while len(self._items) > 1 and self._items[1].pts <= begin:
            self._items.popleft()

    def before(self, sample: int) -> list[AudioItem]:
        """What a segment that continues at `sample` shares; empty if not all of it is known."""
        if not self._items or self._end != sample:
            return []
        begin = begin_before(sample, self._first)
        divided = (item.divided(begin)[1] for item in self._items)
        return [item for item in divided if item is not None]

    @property
    def _end(self) -> int:
        return self._items[-1].pts + self._items[-1].count
