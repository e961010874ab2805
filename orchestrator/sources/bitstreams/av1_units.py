"""Temporal units of AV1 (AV1 bitstream specification): what they hold, and what they need. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from orchestrator.sources.bitstreams.bits import Bits, Size

SEQUENCE_HEADER: Final = 1
FRAME_HEADER: Final = 3
FRAME: Final = 6
"""OBU types (§6.2.2)."""

_LONGEST_HEADER: Final = 512
"""Bytes of a sequence header that are read; it has a dozen, with 32 operating points 300."""

MOST_OBUS: Final = 1024
"""Of a temporal unit, which has two or three and one for each group of tiles; others are not looked
at, and units out of packets have no more."""


def obus(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Type, content, and all bytes of each OBU; each has its size (§5.2). Raises ValueError."""
    at = 0
    for _ in range(MOST_OBUS):
        if at >= len(data):
            return
        begins = at + (2 if data[at] & 4 else 1)
        if not data[at] & 2:
            raise ValueError("an OBU without its size")
        size, shift = 0, 0
        while True:
            if begins >= len(data) or shift > 49:
                raise ValueError("an OBU is cut")
            size |= (data[begins] & 127) << shift
            shift += 7
            begins += 1
            if data[begins - 1] < 128:
                break
        if begins + size > len(data):
            raise ValueError("an OBU is cut")
        yield data[at] >> 3 & 15, data[begins : begins + size], data[at : begins + size]
        at = begins + size


class SequenceHeader:
    """The part of one that is of use here (§5.5)."""

    def __init__(self, content: bytes) -> None:
        """Raises ValueError."""
        bits = Bits(content[:_LONGEST_HEADER])
        bits.take(4)
        self.reduced = bool(bits.take(1))
        """Of a still image: its frame has hardly a header."""
        if self.reduced:
            bits.take(5)
        else:
            _skip_operating_points(bits)
        width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
        self.size: Size = bits.take(width_bits) + 1, bits.take(height_bits) + 1
        """The largest that a frame may have."""


def _skip_operating_points(bits: Bits) -> None:
    delay_bits = 0
    if bits.take(1):
        bits.take(64)
        if bits.take(1):
            bits.unsigned()
        if bits.take(1):
            delay_bits = bits.take(5) + 1
            bits.take(42)
    delays = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if delays and bits.take(1):
            bits.take(4)


def largest(data: bytes) -> Size | None:
    """The size in a unit's sequence header; None where it has none that can be read."""
    try:
        for kind, content, _ in obus(data):
            if kind == SEQUENCE_HEADER:
                return SequenceHeader(content).size
            if kind in (FRAME, FRAME_HEADER):
                break
    except ValueError:
        pass
    return None


def layers(data: bytes) -> tuple[bytes, ...]:
    """A temporal unit cut where its next spatial layer begins. Raises ValueError."""
    cuts, above = [0], 0
    at = 0
    for _, _, whole in obus(data):
        # OBUs of all layers have no extension (§5.3.3).
        layer = whole[1] >> 3 & 3 if whole[0] & 4 and len(whole) > 1 else above
        if layer > above:
            above = layer
            cuts.append(at)
        at += len(whole)
    ends = [*cuts[1:], len(data)]
    return tuple(data[begin:end] for begin, end in zip(cuts, ends, strict=True) if begin < end)


@dataclass(frozen=True, slots=True)
class Unit:
    """What a temporal unit is."""

    header: bytes
    """Its sequence header, else the newest before it, whole; b"" if there was none."""
    has_header: bool
    frames: bool
    """Whether it has a frame."""
    keyframe: bool
    """Whether decoding may begin with it, if its sequence header is known."""


def read(data: bytes, header: bytes) -> Unit:
    """A temporal unit up to its first frame; `header`: the newest before it. Raises ValueError."""
    own = False
    for kind, content, whole in obus(data):
        if kind == SEQUENCE_HEADER:
            header, own = whole, True
        elif kind in (FRAME, FRAME_HEADER):
            return Unit(header, own, frames=True, keyframe=_is_key(content, header))
    return Unit(header, own, frames=False, keyframe=False)


def _is_key(frame: bytes, header: bytes) -> bool:
    """Whether a frame is a key frame that is shown (§5.9.2)."""
    if header and SequenceHeader(next(obus(header))[1]).reduced:
        return True
    # show_existing_frame, frame_type (0: KEY_FRAME), show_frame
    return bool(frame) and frame[0] >> 4 == 0b0001
