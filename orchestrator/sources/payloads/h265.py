"""H.265 in RTP (RFC 7798), as an Annex B byte stream. Pure.

WebRTC never reorders NAL units between packets, so there are no decoding order numbers (§4.4.1,
sprop-max-don-diff 0).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orchestrator.sources.payloads.unpacked import KeyframeStart, Unpacked

_START: Final = b"\0\0\0\1"

AGGREGATION: Final = 48
FRAGMENT: Final = 49
_PACI: Final = 50
"""Types of payloads (§4.4); smaller ones are NAL units as they are."""

_SHORTEST: Final = 2
"""Bytes of a NAL unit: one that ends a sequence or the bitstream is its header alone (ITU-T H.265
§7.3.1.2)."""

_SPS: Final = 33
_IRAP: Final = range(16, 24)
"""NAL unit types (ITU-T H.265 table 7-1)."""


def unpacked(payload: bytes) -> Unpacked:
    """Of one packet. Raises ValueError."""
    if len(payload) < _SHORTEST or (payload[0] >> 1 & 63 >= AGGREGATION and len(payload) == 2):
        raise ValueError("a NAL unit is cut")
    kind = payload[0] >> 1 & 63
    if kind < AGGREGATION:
        return Unpacked(_START + payload, _begins(payload))
    if kind == AGGREGATION:
        units = list(_aggregated(payload))
        data = b"".join(part for unit in units for part in (_START, unit))
        return Unpacked(data, max(map(_begins, units)))
    if kind == FRAGMENT:
        return _fragment(payload)
    if kind == _PACI:
        return unpacked(_inside_paci(payload))
    raise ValueError(f"payloads of type {kind} are not supported")


def _aggregated(payload: bytes) -> Iterator[bytes]:
    """§4.4.2: after the header, each unit with its length in two bytes."""
    at = 2
    while at < len(payload):
        size = int.from_bytes(payload[at : at + 2])
        at += 2
        if size < 2 or at + size > len(payload):
            raise ValueError("an aggregated NAL unit is cut")
        yield payload[at : at + size]
        at += size


def _fragment(payload: bytes) -> Unpacked:
    """§4.4.3: the unit's own header is in two places."""
    if not payload[2] & 0x80:
        return Unpacked(payload[3:])
    head = bytes((payload[0] & 0x81 | (payload[2] & 63) << 1, payload[1]))
    unit = head + payload[3:]
    return Unpacked(_START + unit, _begins(unit))


def _inside_paci(payload: bytes) -> bytes:
    """§4.4.4: a payload with information before it, which is skipped."""
    if len(payload) < 4:
        raise ValueError("a PACI packet is cut")
    fields = int.from_bytes(payload[2:4])
    kind, extension = fields >> 9 & 63, fields >> 4 & 31
    if kind == _PACI:
        raise ValueError("a PACI packet in another one")
    head = bytes((fields >> 8 & 0x80 | kind << 1 | payload[0] & 1, payload[1]))
    if len(payload) < 4 + extension:
        raise ValueError("a PACI packet is cut")
    return head + payload[4 + extension :]


def _begins(unit: bytes) -> KeyframeStart:
    """Whether a keyframe begins with a NAL unit: its parameter sets, or its first slice."""
    kind = unit[0] >> 1 & 63
    if kind == _SPS:
        return KeyframeStart.KEYFRAME
    # first_slice_segment_in_pic_flag (ITU-T H.265 §7.3.6.1).
    first_slice = kind in _IRAP and len(unit) > 2 and unit[2] & 0x80
    return KeyframeStart.SLICE if first_slice else KeyframeStart.NONE
