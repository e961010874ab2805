"""RTP packets of a made-up video."""

from __future__ import annotations

from orchestrator.sources.payloads.unpacked import KeyframeStart
from orchestrator.sources.rtp_packet import Packet

FRAME = 4
"""Packets in a frame."""
GROUP = 30
"""Frames from one key frame to the next."""
PACKET_S = 1 / 120


def part(number: int) -> Packet:
    """A packet of a stream in which every frame has `FRAME` packets."""
    made = Packet(
        sequence_number=number & 0xFFFF,
        timestamp=3000 * (number // FRAME) & 0xFFFFFFFF,
        marker=int(number % FRAME == FRAME - 1),
        payload=b"data",
        begins_keyframe=KeyframeStart.KEYFRAME * (number % (FRAME * GROUP) == 0),
    )
    made.data = number.to_bytes(4, "big")
    return made


def whole(frame: int) -> bytes:
    return b"".join((frame * FRAME + n).to_bytes(4, "big") for n in range(FRAME))
