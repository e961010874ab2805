"""Redundant audio (RFC 2198): a packet that repeats those before it. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

MOST_BLOCKS: Final = 16
"""In a packet; senders repeat two packets, or one."""


class Block(NamedTuple):
    """One packet's content."""

    payload_type: int
    earlier: int
    """RTP ticks before the packet's own time; 0 of the last block, which is the packet's own."""
    data: bytes


def blocks(payload: bytes) -> list[Block]:
    """Those of a payload, the oldest first. Raises ValueError."""
    heads: list[tuple[int, int, int]] = []
    at = 0
    while at < len(payload) and payload[at] & 0x80:
        fields = int.from_bytes(payload[at + 1 : at + 4])
        heads.append((payload[at] & 0x7F, fields >> 10, fields & 0x3FF))
        at += 4
        if len(heads) > MOST_BLOCKS:
            raise ValueError("a packet that repeats too many")
    if at >= len(payload):
        raise ValueError("the header of redundant audio is cut")
    last = payload[at] & 0x7F
    at += 1
    found = []
    for kind, earlier, size in heads:
        if at + size > len(payload):
            raise ValueError("a block of redundant audio is cut")
        found.append(Block(kind, earlier, payload[at : at + size]))
        at += size
    return [*found, Block(last, 0, payload[at:])]
