"""RTP packets off the wire (RFC 3550 §5.1). Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

_HEADER: Final = struct.Struct("!BBHLL")


@dataclass(slots=True)
class Packet:
    """A packet without its header extensions, contributing sources and padding."""

    sequence_number: int = 0
    timestamp: int = 0
    ssrc: int = 0
    payload_type: int = 0
    marker: int = 0
    payload: bytes = b""
    data: bytes = b""
    """What of the payload is the codec's."""
    begins_keyframe: int = 0
    """As payloads.unpacked.KeyframeStart."""
    begins_part: bool = False
    """As in payloads.unpacked.Unpacked."""


def parse(data: bytes) -> Packet:
    """Raises ValueError or struct.error for what is no RTP packet."""
    first, second, number, timestamp, ssrc = _HEADER.unpack_from(data)
    begins, ends = 12 + 4 * (first & 0x0F), len(data)
    if first & 0x10:
        begins += 4 + 4 * int.from_bytes(data[begins + 2 : begins + 4])
    if first & 0x20:
        ends -= data[-1] or ends
    if first >> 6 != 2 or begins > ends:
        raise ValueError("not an RTP packet")
    return Packet(number, timestamp, ssrc, second & 0x7F, second >> 7, data[begins:ends])


def original(packet: Packet, payload_type: int, ssrc: int) -> Packet | None:
    """What a retransmission repeats (RFC 4588 §4); None if there is nothing in it."""
    if len(packet.payload) < 2:
        return None
    number = int.from_bytes(packet.payload[:2])
    return Packet(number, packet.timestamp, ssrc, payload_type, packet.marker, packet.payload[2:])
