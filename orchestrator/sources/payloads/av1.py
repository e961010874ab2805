"""AV1 in RTP (AV1 RTP specification, version 1.0). Pure.

A payload is an aggregation header and OBU elements: whole OBUs, and pieces of one that goes on in
the next packet. All packets of a timestamp are a temporal unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from orchestrator.sources.bitstreams.av1_units import MOST_OBUS
from orchestrator.sources.payloads.unpacked import KeyframeStart, Unpacked

_Z, _Y, _N = 0x80, 0x40, 0x08
"""Of the aggregation header (§4.4): the first element goes on with an OBU, the last one's goes on
in the next packet, a coded video sequence begins."""

SEQUENCE_HEADER: Final = 1
TEMPORAL_DELIMITER: Final = 2
TILE_LIST: Final = 8
PADDING: Final = 15
"""OBU types (AV1 §6.2.2)."""

_DROPPED: Final = (TEMPORAL_DELIMITER, TILE_LIST, PADDING)
"""Not sent, or to be ignored (§5); a container writes its own delimiters."""

_EXTENSION, _HAS_SIZE = 0x04, 0x02
"""Of an OBU's header (AV1 §5.3.2)."""

_LONGEST_LEB128: Final = 8
"""Bytes (AV1 §4.10.5)."""


def unpacked(payload: bytes) -> Unpacked:
    """Of one packet. Raises ValueError."""
    if not payload:
        raise ValueError("the aggregation header is missing")
    first = next(_elements(payload), b"")
    starts = not payload[0] & _Z and bool(first) and _type_of(first) == SEQUENCE_HEADER
    key = KeyframeStart.KEYFRAME if starts or payload[0] & _N else KeyframeStart.NONE
    return Unpacked(payload, key, begins_part=True)


def temporal_unit(payloads: Sequence[bytes]) -> bytes:
    """The OBUs of all packets of a frame, each with its size (AV1 §5.2), without delimiters.

    Raises ValueError if a piece is missing or makes no sense, and if there are more than
    `MOST_OBUS`.
    """
    made: list[bytes] = []
    begun = 0
    pieces: list[bytes] = []
    """Of the OBU that goes on in the next packet."""
    for payload in payloads:
        if not payload:
            continue  # an SFU's probe
        goes_on = bool(payload[0] & _Y)
        if bool(payload[0] & _Z) != bool(pieces):
            raise ValueError("a piece of an OBU is missing")
        elements = list(_elements(payload))
        if not elements:
            raise ValueError("a packet without an OBU")
        begun += len(elements) - bool(pieces)
        if begun > MOST_OBUS:
            raise ValueError(f"more than {MOST_OBUS} OBUs")
        if pieces:
            pieces.append(elements.pop(0))
            if goes_on and not elements:
                continue
            made.append(_sized(b"".join(pieces)))
        pieces = [elements.pop()] if goes_on else []
        made += map(_sized, elements)
    if pieces:
        raise ValueError("the end of an OBU is missing")
    return b"".join(made)


def _elements(payload: bytes) -> Iterator[bytes]:
    """OBU elements of a packet (§4.3): all have their length, or W says how many there are, the
    last one without."""
    count, at, number = payload[0] >> 4 & 3, 1, 0
    while at < len(payload):
        number += 1
        size = len(payload) - at
        if number != count:
            size, at = _leb128(payload, at)
        if at + size > len(payload):
            raise ValueError("an OBU element is longer than its packet")
        yield payload[at : at + size]
        at += size
        if number == count:
            break
    if number < count:
        raise ValueError("an OBU element is missing")


def _sized(obu: bytes) -> bytes:
    """An OBU with its size; b"" for one that is dropped."""
    if not obu:
        return b""
    if obu[0] & 0x80:
        raise ValueError("the forbidden bit of an OBU is set")
    if _type_of(obu) in _DROPPED:
        return b""
    head = 2 if obu[0] & _EXTENSION else 1
    if len(obu) < head:
        raise ValueError("the header of an OBU is cut")
    if obu[0] & _HAS_SIZE:
        size, begins = _leb128(obu, head)
        if begins + size > len(obu):
            raise ValueError("an OBU is longer than its element")
        return obu[: begins + size]
    content = obu[head:]
    return bytes((obu[0] | _HAS_SIZE,)) + obu[1:head] + _as_leb128(len(content)) + content


def _type_of(obu: bytes) -> int:
    return obu[0] >> 3 & 15


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends (AV1 §4.10.5)."""
    value = 0
    for place in range(_LONGEST_LEB128):
        if at >= len(data):
            break
        value |= (data[at] & 127) << 7 * place
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise ValueError("a length is cut")


def _as_leb128(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)
