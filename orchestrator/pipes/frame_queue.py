"""The bounded queue between the event loop and the writer's thread.

Bounded in bytes. When it fills, video frames are thinned evenly: above half every second one is
taken, above three quarters every fourth, at the limit none. Audio has a limit of its own and is
only dropped beyond that, after minutes without a writer. Whatever is dropped is counted.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

from orchestrator.pipes.timeline_items import AudioItem, Item, VideoItem

AUDIO_LIMIT_BYTES: Final = 64 * 2**20
"""Five and a half minutes of 48 kHz stereo."""

_THINNING: Final = ((1.0, 0), (0.75, 4), (0.5, 2), (0.0, 1))
"""From this share of the limit on, take one video frame in so many; 0 takes none."""


def keep_one_in(used: int, limit: int) -> int:
    """How video is thinned when `used` of `limit` bytes are waiting."""
    return next(every for share, every in _THINNING if used >= share * limit)


@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """What waits now, and what was dropped since the beginning."""

    waiting_bytes: int
    limit_bytes: int
    peak_bytes: int
    video_dropped: int
    audio_dropped_samples: int


class FrameQueue:
    """Items in order, from one putter (never blocked) to one getter (a thread that may wait)."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.next_sample = 0
        """Where the audio that the getter has not got yet begins; set it before the first put."""
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._video_bytes = self._audio_bytes = self._peak = 0
        self._skipped = self._video_dropped = self._audio_dropped = 0

    def put_nowait(self, item: Item) -> bool:
        """Takes the item, or drops and counts it; False when dropped."""
        with self._changed:
            if self._closed or not self._admit(item):
                self._count_dropped(item)
                return False
            self._items.append(item)
            self._account(item, +1)
            self._changed.notify()
            return True

    def put_back(self, item: Item) -> None:
        """Puts an item back that could not be written: the next writer gets it first."""
        with self._changed:
            self._items.appendleft(item)
            self._account(item, +1)
            if isinstance(item, AudioItem):
                self.next_sample = item.pts

    def get(self, timeout_s: float) -> Item | None:
        """The next item; None when none came in time, or none will (see `drained`)."""
        with self._changed:
            if not self._items and not self._closed:
                self._changed.wait(timeout_s)
            if not self._items:
                return None
            item = self._items.popleft()
            self._account(item, -1)
            if isinstance(item, AudioItem):
                self.next_sample = item.pts + item.count
            return item

    def close(self) -> None:
        """Nothing more is put; what waits can still be got."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def empty(self) -> bool:
        """Nothing waits."""
        return not self._items

    @property
    def drained(self) -> bool:
        """Closed and empty."""
        return self._closed and not self._items

    def statistics(self) -> QueueStatistics:
        """Counts so far."""
        with self._changed:
            used = self._video_bytes + self._audio_bytes
            return QueueStatistics(
                used, self.limit_bytes, self._peak, self._video_dropped, self._audio_dropped
            )

    def _admit(self, item: Item) -> bool:
        if isinstance(item, AudioItem):
            return self._audio_bytes + item.size_bytes <= AUDIO_LIMIT_BYTES
        if not self._video_bytes:
            return True  # one is taken even if it is larger than the limit
        every = keep_one_in(self._video_bytes + item.size_bytes, self.limit_bytes)
        self._skipped = self._skipped + 1 if every > 1 else 0
        return every > 0 and self._skipped % every == 0

    def _account(self, item: Item, sign: int) -> None:
        if isinstance(item, VideoItem):
            self._video_bytes += sign * item.size_bytes
        else:
            self._audio_bytes += sign * item.size_bytes
        self._peak = max(self._peak, self._video_bytes + self._audio_bytes)

    def _count_dropped(self, item: Item) -> None:
        if isinstance(item, VideoItem):
            self._video_dropped += 1
        else:
            self._audio_dropped += item.count
