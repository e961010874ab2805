"""What takes the place of parts of aiortc's receiver (see `tap`), with aiortc's own interfaces."""

from __future__ import annotations

from typing import Final

from orchestrator.sources.clock import unwrap

WILLING_BPS: Final = 100_000_000
"""The bit rate we say we can take: whatever the publisher sends. Loss is still reported."""

STREAM_SHIFT: Final = 46
"""A frame's pts is its RTP stream's number above this bit and the unwrapped RTP time below it:
24 years at 90 kHz, and room for the decoder of G.722 to double it."""


class Willing:
    """Stands in for aiortc's estimator: each second the same bit rate."""

    def __init__(self) -> None:
        self._said_ms = 0

    def add(
        self, *, abs_send_time: int, arrival_time_ms: int, payload_size: int, ssrc: int
    ) -> tuple[int, list[int]] | None:
        if arrival_time_ms - self._said_ms < 1000:
            return None
        self._said_ms = arrival_time_ms
        return WILLING_BPS, [ssrc]


class RtpTime:
    """Stands in for aiortc's TimestampMapper: pts that tell RTP stream and unwrapped RTP time."""

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
