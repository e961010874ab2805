"""The size of an encoded video frame, as its header says. Pure; nothing is decoded.

A header of a few bytes decides how much memory a decoder takes, so it is read first. What a codec
has no reader for here (`READERS`) is bounded by FFmpeg's own limit alone (`decoder_options`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final

from orchestrator.sources.bitstreams import av1_units, h265_sps, vp9_superframe
from orchestrator.sources.bitstreams.bits import Bits, Size

_BLOCK: Final = 16
"""Pixels of a macroblock: decoders round sizes up to it."""

_LARGEST_SIDE: Final = 16_384

_SPS: Final = 7
_SPS_BYTES: Final = 512
"""What is read of a sequence parameter set: its size comes before everything that may be long."""


def decoder_options(max_pixels: int) -> dict[str, str]:
    """What FFmpeg's decoders, whichever they are, take: no frame that is larger.

    They count before cropping: up to a macroblock more on each side, two where there are fields.
    """
    return {"max_pixels": str(max_pixels + 3 * _BLOCK * _LARGEST_SIDE)}


def frame_size(codec: str, data: bytes, parts: Sequence[bytes] = ()) -> Size | None:
    """Of a frame that brings a size (a keyframe); None for others, and for what can't be read.

    `parts`: the layer frames of VP9, where there are several.
    """
    if codec.upper() == "VP9":
        return vp9_superframe.largest(parts or (data,))
    reader = READERS.get(codec.upper())
    return None if reader is None else reader(data)


MAX_PARAMETER_SETS: Final = 32
"""A sequence parameter set has one of 32 ids (ITU-T H.264 §7.4.2.1.1), of 16 in H.265."""

UNREADABLE: Final[Size] = (0xFFFF, 0xFFFF)
"""Larger than any limit: such a frame is not decoded."""


def _vp8(data: bytes) -> Size | None:
    """RFC 6386 §9.1: a tag of three bytes, the start code, 14 bits for each side."""
    if len(data) < 10 or data[0] & 1 or data[3:6] != b"\x9d\x01\x2a":
        return None
    width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return width, height


def _h264(data: bytes) -> Size | None:
    return _largest(data, lambda head: head & 0x1F == _SPS, 1, _read_sps)


def _h265(data: bytes) -> Size | None:
    return _largest(data, lambda head: head >> 1 & 0x3F == h265_sps.TYPE, 2, h265_sps.read)


READERS: Final[Mapping[str, Callable[[bytes], Size | None]]] = {
    "VP8": _vp8,
    "H264": _h264,
    "H265": _h265,
    "AV1": av1_units.largest,
}


def _largest(
    data: bytes, wanted: Callable[[int], bool], head_bytes: int, read: Callable[[Bits], Size]
) -> Size | None:
    """The largest that a sequence parameter set in the frame names."""
    nals = list(islice(_annex_b(data, wanted), MAX_PARAMETER_SETS + 1))
    if len(nals) > MAX_PARAMETER_SETS:
        return UNREADABLE
    sizes = []
    for nal in nals:
        # One that is cut or makes no sense names none.
        with suppress(ValueError):
            sizes.append(read(Bits(nal[head_bytes:].replace(b"\0\0\3", b"\0\0"))))
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _annex_b(data: bytes, wanted: Callable[[int], bool]) -> Iterator[bytes]:
    """The beginnings of the NAL units whose first byte is wanted (ITU-T H.264 §B.1)."""
    at = data.find(b"\0\0\1")
    while at >= 0:
        begins = at + 3
        if begins < len(data) and wanted(data[begins]):
            yield data[begins : begins + _SPS_BYTES]
        at = data.find(b"\0\0\1", begins)


def _read_sps(bits: Bits) -> Size:
    """ITU-T H.264 §7.3.2.1.1, up to the cropping."""
    profile = bits.take(8)
    bits.take(16)
    bits.unsigned()
    chroma = _read_chroma(bits) if profile in _WITH_CHROMA else _Chroma(1)
    bits.unsigned()
    _skip_order(bits)
    bits.unsigned()
    bits.take(1)
    columns, rows = bits.unsigned() + 1, bits.unsigned() + 1
    fields = not bits.take(1)
    if fields:
        bits.take(1)
    bits.take(1)
    crop = [bits.unsigned() for _ in range(4)] if bits.take(1) else [0] * 4
    unit_x, unit_y = chroma.crop_units
    coded = (columns * _BLOCK, rows * _BLOCK * (1 + fields))
    cut = ((crop[0] + crop[1]) * unit_x, (crop[2] + crop[3]) * unit_y * (1 + fields))
    # Cropping hides pixels, and saves no memory: up to a macroblock is believed.
    width, height = (
        max(side - min(less, _BLOCK * (1 + fields) - 1), 1)
        for side, less in zip(coded, cut, strict=True)
    )
    return width, height


@dataclass(frozen=True, slots=True)
class _Chroma:
    """How chroma is sampled: chroma_format_idc, 0 where planes are apart."""

    format: int

    @property
    def crop_units(self) -> tuple[int, int]:
        """Pixels of a unit of cropping (ITU-T H.264 table 6-1)."""
        return {1: (2, 2), 2: (2, 1)}.get(self.format, (1, 1))


_WITH_CHROMA: Final = (44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244)
"""Profiles whose parameter set says how chroma is sampled."""


def _read_chroma(bits: Bits) -> _Chroma:
    chroma = bits.unsigned()
    apart = chroma == 3 and bits.take(1)
    bits.unsigned()
    bits.unsigned()
    bits.take(1)
    if bits.take(1):
        for number in range(12 if chroma == 3 else 8):
            if bits.take(1):
                _skip_scaling_list(bits, 16 if number < 6 else 64)
    return _Chroma(0 if apart else chroma)


def _skip_scaling_list(bits: Bits, length: int) -> None:
    last = following = 8
    for _ in range(length):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_order(bits: Bits) -> None:
    """pic_order_cnt_type and what follows from it."""
    kind = bits.unsigned()
    if kind == 0:
        bits.unsigned()
    elif kind == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(min(bits.unsigned(), 255)):
            bits.signed()
