"""When the first packet of each frame arrived. Pure: no clock of its own."""

from __future__ import annotations

from typing import Final

from orchestrator.media import SECOND_NS

MAX_REMEMBERED_FRAMES: Final = 512
"""Frames whose first packet's arrival is remembered: more than are ever incomplete at a time."""

SAME_FRAME_NS: Final = 2 * SECOND_NS
"""A packet with the same RTP time that comes this much later is of another frame."""


class PacketArrivals:
    """Arrivals of one receiver's frames."""

    def __init__(self) -> None:
        self._came_ns: dict[int, int] = {}
        """By RTP timestamp, as it came."""
        self._latest = (0, 0, 0)
        """Stream, RTP time and arrival of the frame delivered last."""

    def note(self, timestamp: int, now_ns: int) -> None:
        """A packet came."""
        came_ns = self._came_ns.get(timestamp)
        if came_ns is not None:
            if now_ns - came_ns < SAME_FRAME_NS:
                return
            del self._came_ns[timestamp]
        self._came_ns[timestamp] = now_ns
        if len(self._came_ns) > MAX_REMEMBERED_FRAMES:
            del self._came_ns[next(iter(self._came_ns))]

    def of(self, stream: int, rtp: int, rate: int, now_ns: int, *, concealed: bool) -> int:
        """Of a frame that is delivered now, by its unwrapped RTP time.

        One that stands for lost packets, or was repeated by another, would have come as the one
        before it did.
        """
        before, rtp_before, arrival_ns = self._latest
        came_ns = None if concealed else self._came_ns.get(rtp & 0xFFFFFFFF)
        if came_ns is not None:
            arrival_ns = came_ns
        elif before == stream:
            arrival_ns += (rtp - rtp_before) * SECOND_NS // rate
        else:
            arrival_ns = now_ns
        self._latest = (stream, rtp, arrival_ns)
        return arrival_ns

    def clear(self) -> None:
        """Another stream begins."""
        self._came_ns.clear()
