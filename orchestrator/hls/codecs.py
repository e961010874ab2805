"""What a header says of its tracks' codecs, as playlists name them (RFC 6381, and each codec's own
rules). Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from orchestrator.fragments.fragment import NotFragmented
from orchestrator.fragments.mp4_boxes import Box, boxes


@dataclass(frozen=True, slots=True)
class CodecInfo:
    """Of one track."""

    kind: str
    """video or audio."""
    codec: str
    """For CODECS, such as avc1.64001f; empty if there is no rule for it here."""
    width: int = 0
    height: int = 0


class NotPlayable(ValueError):
    """HLS's fragmented MP4 has no place for what the recording has."""


def codecs_of(init: bytes) -> list[CodecInfo]:
    """Of each track of a header, in order; fragments.NotFragmented if it is damaged."""
    try:
        return _codecs_of(init)
    except (struct.error, LookupError, StopIteration) as error:
        raise NotFragmented(f"its header is damaged: {error!r}") from error


def _codecs_of(init: bytes) -> list[CodecInfo]:
    found = []
    for moov in _inside(init, 0, len(init), b"moov"):
        for trak in _inside(init, moov.content, moov.end, b"trak"):
            place = trak
            for kind in (b"mdia", b"minf", b"stbl", b"stsd"):
                place = next(_inside(init, place.content, place.end, kind))
            entry = next(boxes(init, place.content + 8, place.end))
            found.append(_info(init, entry))
    return found


def playable(init: bytes) -> list[CodecInfo]:
    """As `codecs_of`; NotPlayable if one of them can't be in HLS."""
    found = codecs_of(init)
    for info in found:
        if not info.codec:
            raise NotPlayable("a codec of this recording has no place in HLS")
    return found


def _inside(data: bytes, at: int, end: int, kind: bytes) -> Iterator[Box]:
    return (box for box in boxes(data, at, end) if box.kind == kind)


def _info(data: bytes, entry: Box) -> CodecInfo:
    if entry.kind in _AUDIO:
        own = {b.kind: b for b in boxes(data, entry.content + 28, entry.end)}
        return CodecInfo("audio", _AUDIO[entry.kind](data, own))
    if entry.kind in _VIDEO:
        width, height = struct.unpack_from(">HH", data, entry.content + 24)
        own = {b.kind: b for b in boxes(data, entry.content + 78, entry.end)}
        return CodecInfo("video", _VIDEO[entry.kind](data, own), width, height)
    return CodecInfo("other", "")


def _avc(data: bytes, own: Mapping[bytes, Box]) -> str:
    at = own[b"avcC"].content
    return f"avc1.{data[at + 1 : at + 4].hex()}"


def _hevc(data: bytes, own: Mapping[bytes, Box]) -> str:
    """ISO/IEC 14496-15 annex E.3."""
    at = own[b"hvcC"].content
    profile = data[at + 1]
    space = ("", "A", "B", "C")[profile >> 6]
    (compatibility,) = struct.unpack_from(">I", data, at + 2)
    reversed_bits = int(f"{compatibility:032b}"[::-1], 2)
    tier = "H" if profile & 0x20 else "L"
    constraints = data[at + 6 : at + 12].rstrip(b"\0")
    words = [f"hvc1.{space}{profile & 0x1F}", f"{reversed_bits:X}", f"{tier}{data[at + 12]}"]
    return ".".join([*words, *(f"{byte:X}" for byte in constraints)])


def _av1(data: bytes, own: Mapping[bytes, Box]) -> str:
    """av1-isobmff §5; the bit depth's flags are those of av1C."""
    at = own[b"av1C"].content
    profile, level = data[at + 1] >> 5, data[at + 1] & 0x1F
    tier = "H" if data[at + 2] & 0x80 else "M"
    high, twelve = data[at + 2] & 0x40, data[at + 2] & 0x20
    depth = 12 if twelve else 10 if high else 8
    return f"av01.{profile}.{level:02d}{tier}.{depth:02d}"


def _vp9(data: bytes, own: Mapping[bytes, Box]) -> str:
    """vp-codec-iso-media-file-format."""
    at = own[b"vpcC"].content + 4
    return f"vp09.{data[at]:02d}.{data[at + 1]:02d}.{data[at + 2] >> 4:02d}"


def _mp4a(data: bytes, own: Mapping[bytes, Box]) -> str:
    """The object type of MPEG-4 audio, from its decoder's configuration (ISO/IEC 14496-1)."""
    box = own[b"esds"]
    at, end = box.content + 4, box.end
    object_type = 0
    while at < end:
        tag, at = data[at], at + 1
        length = 0
        while at < end:
            byte, at = data[at], at + 1
            length = length << 7 | byte & 0x7F
            if not byte & 0x80:
                break
        if tag == 3:
            at += 3
        elif tag == 4:
            object_type, at = data[at], at + 13
        elif tag == 5 and object_type == 0x40:
            return f"mp4a.40.{data[at] >> 3}"
        else:
            at += length
    return f"mp4a.{object_type:02X}" if object_type else ""


_Named = Callable[[bytes, Mapping[bytes, Box]], str]
_VIDEO: Final[Mapping[bytes, _Named]] = {
    b"avc1": _avc,
    b"avc3": _avc,
    b"hvc1": _hevc,
    b"hev1": _hevc,
    b"av01": _av1,
    b"vp09": _vp9,
}
_AUDIO: Final[Mapping[bytes, _Named]] = {
    b"mp4a": _mp4a,
    b"Opus": lambda data, own: "opus",
    b"fLaC": lambda data, own: "flac",
    b"ac-3": lambda data, own: "ac-3",
    b"ec-3": lambda data, own: "ec-3",
}
