"""The uncompressed header of VP9 frames (VP9 bitstream specification, §6.2, §7.2). Pure.

Its length depends on the frame's width, and that of most frames is the one of a frame before them:
so a stream's headers are read in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orchestrator.sources.bitstreams.bits import Bits, Size

LONGEST: Final = 512
"""Bytes of the header that are read; it has some twenty, with segmentation not two hundred."""

_SYNC_CODE: Final = 0x498342
_SRGB: Final = 7
_SLOTS: Final = 8
"""Frames that are kept as references (§3, "reference frame")."""

_SEGMENTS: Final = 8
_FEATURES: Final = ((8, True), (6, True), (2, False), (0, False))
"""Bits of a segment's features, and whether they have a sign (§6.2.11)."""


@dataclass(frozen=True, slots=True)
class Vp9Header:
    """What a frame's header says."""

    exists: bool
    """The frame is nothing but the order to show one that is there (show_existing_frame)."""
    keyframe: bool = False
    shown: bool = True
    intra_only: bool = False
    size: Size | None = None
    bits: int = 0
    """Of the header, without those that fill its last byte."""
    shown_at: int = 0
    """The place of show_frame in it."""


class Vp9Headers:
    """Reads those of one stream, in order."""

    def __init__(self) -> None:
        self._sizes: list[Size | None] = [None] * _SLOTS

    def read(self, data: bytes) -> Vp9Header:
        """A frame's. Raises ValueError."""
        bits = Bits(data[:LONGEST])
        if bits.take(2) != 2:
            raise ValueError("no VP9 frame")
        profile = bits.take(1) | bits.take(1) << 1
        if profile == 3 and bits.take(1):
            raise ValueError("a VP9 profile that doesn't exist")
        if bits.take(1):
            bits.take(3)
            return Vp9Header(exists=True)
        keyframe = not bits.take(1)
        shown_at = bits.taken
        shown, resilient = bool(bits.take(1)), bool(bits.take(1))
        intra_only = False
        if keyframe:
            _check_sync_code(bits)
            _skip_color(bits, profile)
            refreshed, size = 0xFF, _size(bits)
        else:
            intra_only = not shown and bool(bits.take(1))
            if not resilient:
                bits.take(2)
            if intra_only:
                _check_sync_code(bits)
                if profile:
                    _skip_color(bits, profile)
                refreshed, size = bits.take(8), _size(bits)
            else:
                refreshed, size = self._read_references(bits)
        if not resilient:
            bits.take(2)
        bits.take(2)
        _skip_rest(bits, size[0])
        for slot in range(_SLOTS):
            if refreshed >> slot & 1:
                self._sizes[slot] = size
        return Vp9Header(False, keyframe, shown, intra_only, size, bits.taken, shown_at)

    def _read_references(self, bits: Bits) -> tuple[int, Size]:
        """Up to the interpolation filter; which slots the frame replaces, and its size."""
        refreshed = bits.take(8)
        used = []
        for _ in range(3):
            used.append(bits.take(3))
            bits.take(1)
        size: Size | None = None
        for slot in used:
            if bits.take(1):
                size = self._sizes[slot]
                if size is None:
                    raise ValueError("the size of a reference isn't known")
                _skip_render_size(bits)
                break
        if size is None:
            size = _size(bits)
        bits.take(1)
        if not bits.take(1):
            bits.take(2)
        return refreshed, size


def _check_sync_code(bits: Bits) -> None:
    if bits.take(24) != _SYNC_CODE:
        raise ValueError("no VP9 frame: its sync code is missing")


def _skip_color(bits: Bits, profile: int) -> None:
    """§6.2.2."""
    if profile >= 2:
        bits.take(1)
    odd = profile in (1, 3)
    if bits.take(3) != _SRGB:
        bits.take(1)
        if odd:
            bits.take(3)
    elif odd:
        bits.take(1)
    else:
        raise ValueError("RGB in a VP9 profile that has none")


def _size(bits: Bits) -> Size:
    size = bits.take(16) + 1, bits.take(16) + 1
    _skip_render_size(bits)
    return size


def _skip_render_size(bits: Bits) -> None:
    if bits.take(1):
        bits.take(32)


def _skip_rest(bits: Bits, width: int) -> None:
    """Loop filter, quantization, segmentation, tiles, the compressed header's size (§6.2.8)."""
    bits.take(9)
    if bits.take(1) and bits.take(1):
        for _ in range(6):
            if bits.take(1):
                bits.take(7)
    bits.take(8)
    for _ in range(3):
        if bits.take(1):
            bits.take(5)
    if bits.take(1):
        _skip_segmentation(bits)
    _skip_tiles(bits, width)
    bits.take(16)


def _skip_segmentation(bits: Bits) -> None:
    if bits.take(1):
        for _ in range(7):
            if bits.take(1):
                bits.take(8)
        temporal = bits.take(1)
        for _ in range(3):
            if temporal and bits.take(1):
                bits.take(8)
    if bits.take(1):
        bits.take(1)
        for _ in range(_SEGMENTS):
            for length, signed in _FEATURES:
                if bits.take(1):
                    bits.take(length + signed)


def _skip_tiles(bits: Bits, width: int) -> None:
    """§6.2.13: a tile is 4 to 64 superblocks of 64 pixels wide."""
    superblocks = (width + 63) // 64
    least = most = 0
    while 64 << least < superblocks:
        least += 1
    while superblocks >> most + 1 >= 4:
        most += 1
    columns = least
    while columns < most and bits.take(1):
        columns += 1
    if bits.take(1):
        bits.take(1)
