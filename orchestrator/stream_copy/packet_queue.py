"""The bounded queue between the event loop and the thread that writes packets.

A video frame that doesn't fit is left out with all that follow it, up to the next keyframe that
fits: without it they can't be decoded. Audio has a limit of its own. What is left out is counted.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

from orchestrator.media import TrackKind
from orchestrator.stream_copy.track import Packet, Track

LIMIT_BYTES: Final = 64 * 2**20
"""Three minutes of 3 Mbit/s."""

AUDIO_LIMIT_BYTES: Final = 16 * 2**20
"""An hour of one microphone, three minutes of twenty."""


@dataclass(frozen=True, slots=True)
class PacketQueueStatistics:
    """What waits now, and what was left out since the beginning."""

    waiting_bytes: int
    limit_bytes: int
    peak_bytes: int
    video_dropped: int
    audio_dropped_ns: int


class PacketQueue:
    """Packets in order, from one putter (never blocked) to one getter (a thread that may wait)."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = min(limit_bytes, LIMIT_BYTES)
        self._items: deque[Packet] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._broken: set[Track] = set()
        """Videos of which a frame was left out, until a keyframe fits."""
        self._bytes = dict.fromkeys(TrackKind, 0)
        self._peak = self._video_dropped = self._audio_dropped = 0

    def put_nowait(self, *packets: Packet) -> bool:
        """Takes the packets; leaves out what doesn't fit, and counts it. Whether all were taken."""
        with self._changed:
            taken = [self._take(packet) for packet in packets]
            self._changed.notify()
            return all(taken)

    def _take(self, packet: Packet) -> bool:
        if self._closed or not self._admit(packet):
            self._count_dropped(packet)
            return False
        self._broken.discard(packet.track)
        self._items.append(packet)
        self._account(packet, +1)
        return True

    def put_back(self, packet: Packet) -> None:
        """Puts a packet back that belongs to the next writer, which gets it first."""
        with self._changed:
            self._items.appendleft(packet)
            self._account(packet, +1)

    def get(self, timeout_s: float) -> Packet | None:
        """The next packet; None when none came in time, or none will (see `drained`)."""
        with self._changed:
            if not self._items and not self._closed:
                self._changed.wait(timeout_s)
            if not self._items:
                return None
            packet = self._items.popleft()
            self._account(packet, -1)
            return packet

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

    def statistics(self) -> PacketQueueStatistics:
        """Counts so far."""
        with self._changed:
            used = sum(self._bytes.values())
            return PacketQueueStatistics(
                used, self._limit, self._peak, self._video_dropped, self._audio_dropped
            )

    def _admit(self, packet: Packet) -> bool:
        if packet.track.kind is TrackKind.AUDIO:
            return self._bytes[TrackKind.AUDIO] + packet.size_bytes <= AUDIO_LIMIT_BYTES
        used = self._bytes[TrackKind.VIDEO]
        fits = not used or used + packet.size_bytes <= self._limit
        if not fits:
            self._broken.add(packet.track)
        return fits and (packet.frame.keyframe or packet.track not in self._broken)

    def _account(self, packet: Packet, sign: int) -> None:
        self._bytes[packet.track.kind] += sign * packet.size_bytes
        self._peak = max(self._peak, sum(self._bytes.values()))

    def _count_dropped(self, packet: Packet) -> None:
        if packet.track.kind is TrackKind.VIDEO:
            self._video_dropped += 1
        else:
            self._audio_dropped += packet.frame.duration_ns
