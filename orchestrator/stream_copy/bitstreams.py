"""Encoded video as it comes over RTP, and as containers want it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Final

from orchestrator.media import EncodedFrame

_START: Final = b"\0\0\0\1"
_START_CODE: Final = re.compile(b"\0\0\1")

_H264_SETS: Final = (7, 8)
"""NAL unit types: sequence, picture parameter set (H.264 table 7-1)."""
_H265_SETS: Final = (32, 33, 34)
"""Video, sequence, picture (H.265 table 7-1)."""

_SEQUENCE_HEADER, _TEMPORAL_DELIMITER = 1, 2
"""OBU types (AV1 §6.2.2)."""

_MOST_OBUS: Final = 1024
"""That are told apart in a temporal unit; it has two or three, and one for each group of tiles."""


def parameter_sets(frame: EncodedFrame) -> bytes:
    """What a decoder must know before a keyframe: H.264's and H.265's as Annex B, AV1's sequence
    header, b"" for other codecs."""
    if frame.codec == "h264":
        sets = (unit for unit in nal_units(frame.data) if unit[0] & 31 in _H264_SETS)
        return b"".join(_START + unit for unit in sets)
    if frame.codec == "h265":
        sets = (unit for unit in nal_units(frame.data) if unit[0] >> 1 & 63 in _H265_SETS)
        return b"".join(_START + unit for unit in sets)
    if frame.codec == "av1":
        return b"".join(obu for kind, obu in _obus(frame.data) if kind == _SEQUENCE_HEADER)
    return b""


def stored(frame: EncodedFrame) -> bytes:
    """As it stands in Matroska and MP4 (RFC 9559 §5.1.4.1.27.x, ISO 14496-15, AV1 in Matroska).

    NAL units have their length in four bytes before them, parameter sets included: behind a change
    of size or of publisher they aren't those in the header. AV1 is without temporal delimiters.
    """
    if frame.codec in ("h264", "h265"):
        units = nal_units(frame.data)
        return b"".join(part for unit in units for part in (len(unit).to_bytes(4), unit))
    if frame.codec == "av1":
        return b"".join(obu for kind, obu in _obus(frame.data) if kind != _TEMPORAL_DELIMITER)
    return frame.data


def nal_units(data: bytes) -> Iterator[bytes]:
    """Of an Annex B byte stream, in order, without start codes (H.264 annex B)."""
    starts = [found.end() for found in _START_CODE.finditer(data)]
    ends = [*(start - 3 for start in starts[1:]), len(data)]
    for start, end in zip(starts, ends, strict=False):
        # Zero bytes before a start code are no part of the unit, which ends with a bit that is 1.
        if unit := data[start:end].rstrip(b"\0"):
            yield unit


def _obus(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and all bytes of each OBU of a temporal unit in the low-overhead format (AV1 §5.3); what
    is behind `_MOST_OBUS` of them comes with the last one."""
    at = 0
    for number in count(1):
        if at >= len(data):
            return
        head = data[at]
        begin = at + (2 if head & 4 else 1)
        size = len(data) - begin
        if head & 2:
            size, begin = _leb128(data, begin)
        ends = begin + size if number < _MOST_OBUS else len(data)
        yield head >> 3 & 15, data[at:ends]
        at = ends


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends (AV1 §4.10.5)."""
    value = 0
    for shift in range(0, 56, 7):
        if at >= len(data):
            break
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            break
    return value, at
