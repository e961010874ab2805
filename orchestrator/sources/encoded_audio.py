"""Packets of audio as they came, with how long they are. Pure; nothing is decoded."""

from __future__ import annotations

from typing import Final

from orchestrator.media import SECOND_NS, EncodedFrame

BYTES_PER_S: Final = 8000
"""Of G.711, and of G.722 at its 64 kbit/s (RFC 3551 §4.5.14, §4.5.2)."""

MOST_OPUS_NS: Final = 120_000_000
"""A packet of Opus holds at most 120 ms (RFC 6716 §3.2.5)."""

_SILK_US: Final = (10_000, 20_000, 40_000, 60_000)
_HYBRID_US: Final = (10_000, 20_000)
_CELT_US: Final = (2_500, 5_000, 10_000, 20_000)


def encoded_audio(codec: str, data: bytes) -> EncodedFrame | None:
    """A packet of `codec` (as in `EncodedFrame`); None if it can't be one."""
    duration_ns = opus_ns(data) if codec == "opus" else len(data) * SECOND_NS // BYTES_PER_S
    return EncodedFrame(codec, data, duration_ns=duration_ns) if duration_ns else None


def opus_ns(data: bytes) -> int:
    """How long a packet of Opus is, as its first bytes say (RFC 6716 §3.1, §3.2); 0 if it isn't."""
    if not data:
        return 0
    config, code = data[0] >> 3, data[0] & 3
    if config < 12:
        frame_us = _SILK_US[config & 3]
    elif config < 16:
        frame_us = _HYBRID_US[config & 1]
    else:
        frame_us = _CELT_US[config & 3]
    count = (1, 2, 2, data[1] & 0x3F if len(data) > 1 else 0)[code]
    duration_ns = 1000 * count * frame_us
    return duration_ns if duration_ns <= MOST_OPUS_NS else 0
