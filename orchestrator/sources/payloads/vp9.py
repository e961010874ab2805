"""VP9 in RTP (RFC 9628). Pure.

A frame of several spatial layers is one of the RTP stream's: its layer frames have one timestamp,
and the last packet of the last one the marker (§4.1). Each begins with B (§4.2).
"""

from __future__ import annotations

from typing import Final

from orchestrator.sources.payloads.unpacked import KeyframeStart, Unpacked

_I, _P, _L, _F, _B, _V = 0x80, 0x40, 0x20, 0x10, 0x08, 0x02
"""Bits of the first byte (§4.2)."""

_MOST_DIFFS: Final = 3
"""Reference indices of a frame."""


def unpacked(payload: bytes) -> Unpacked:
    """Of one packet. Raises ValueError."""
    try:
        begins, layer = _descriptor_end(payload)
    except IndexError:
        begins, layer = len(payload) + 1, 0
    if begins > len(payload):
        raise ValueError("the VP9 payload descriptor is cut")
    first = payload[0]
    key = first & (_B | _P) == _B and layer == 0 and begins < len(payload)
    start = KeyframeStart.KEYFRAME if key else KeyframeStart.NONE
    return Unpacked(payload[begins:], start, bool(first & _B))


def _descriptor_end(payload: bytes) -> tuple[int, int]:
    """Where the VP9 data begin, and the spatial layer; IndexError if it is cut."""
    first, at, layer = payload[0], 1, 0
    if first & _I:
        at += 2 if payload[at] & 0x80 else 1
    if first & _L:
        layer = payload[at] >> 1 & 7
        at += 1 if first & _F else 2
    if first & _F and first & _P:
        for count in range(1, _MOST_DIFFS + 1):
            at += 1
            if not payload[at - 1] & 1:
                break
            if count == _MOST_DIFFS:
                raise ValueError("a VP9 frame has more than three references")
    if first & _V:
        at = _structure_end(payload, at)
    return at, layer


def _structure_end(payload: bytes, at: int) -> int:
    """Where the scalability structure ends (§4.2.1)."""
    head = payload[at]
    at += 1
    if head & 0x10:
        at += 4 * ((head >> 5) + 1)
    if head & 0x08:
        frames = payload[at]
        at += 1
        for _ in range(frames):
            at += 1 + (payload[at] >> 2 & 3)
    return at
