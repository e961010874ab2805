"""Replaces parts of aiortc's receiver (see `receiver_tap`), with aiortc's own interfaces."""

from __future__ import annotations

from typing import Final

from orchestrator.sources.clock.sender_clock import unwrap

RECEIVABLE_BPS: Final = 100_000_000
"""The bit rate that we report as receivable: whatever is sent. Loss is still reported."""

STREAM_SHIFT: Final = 46
"""A frame's pts is its RTP stream's number above this bit and the unwrapped RTP time below it:
24 years at 90 kHz, and room for the decoder of G.722 to double it."""


class ConstantBitrateEstimator:
    """Replaces aiortc's bitrate estimator: reports the same bit rate each second."""

    def __init__(self) -> None:
        self._reported_ms = 0

    def add(
        self, *, abs_send_time: int, arrival_time_ms: int, payload_size: int, ssrc: int
    ) -> tuple[int, list[int]] | None:
        # Less than 0: aiortc read another clock for the packet before (direct_packets).
        if 0 <= arrival_time_ms - self._reported_ms < 1000:
            return None
        self._reported_ms = arrival_time_ms
        return RECEIVABLE_BPS, [ssrc]


class RtpTimestampMapper:
    """Replaces aiortc's TimestampMapper: a pts holds the RTP stream and the unwrapped RTP time."""

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
