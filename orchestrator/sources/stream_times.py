"""How a frame's pts tells its RTP stream and time."""

from __future__ import annotations

from typing import Final

from orchestrator.sources.clock.sender_clock import unwrap

STREAM_SHIFT: Final = 46
"""A frame's pts is its RTP stream's number above this bit and the unwrapped RTP time below it:
24 years at 90 kHz, and room for the decoder of G.722 to double it."""


class RtpTimestampMapper:
    """A pts holds the RTP stream and the unwrapped RTP time."""

    def __init__(self) -> None:
        self.stream = 0
        self._latest: int | None = None

    def begin(self, stream: int) -> None:
        self.stream, self._latest = stream, None

    def map(self, timestamp: int) -> int:
        # One wrap is added so that a packet from before the first one stays above zero.
        reference = timestamp + (1 << 32) if self._latest is None else self._latest
        self._latest = unwrap(reference, timestamp)
        return (self.stream << STREAM_SHIFT) | self._latest
