"""The size in a sequence parameter set of H.265 (ITU-T H.265 §7.3.2.2). Pure."""

from __future__ import annotations

from typing import Final

from orchestrator.sources.bitstreams.bits import Bits, Size

TYPE: Final = 33
"""NAL unit type (table 7-1)."""

_MOST_CROPPED: Final = 15
"""Pixels of each side: cropping hides pixels, and saves no memory."""


def read(bits: Bits) -> Size:
    """Of what follows the NAL unit's header, up to the cropping. Raises ValueError."""
    number_of(bits)
    chroma = bits.unsigned()
    if chroma == 3:
        bits.take(1)
    width, height = bits.unsigned(), bits.unsigned()
    left, right, top, bottom = (bits.unsigned() for _ in range(4)) if bits.take(1) else 4 * (0,)
    unit_x, unit_y = 1 + (chroma in (1, 2)), 1 + (chroma == 1)
    less_x, less_y = (left + right) * unit_x, (top + bottom) * unit_y
    return max(width - min(less_x, _MOST_CROPPED), 1), max(height - min(less_y, _MOST_CROPPED), 1)


def number_of(bits: Bits) -> int:
    """Its id. Raises ValueError."""
    bits.take(4)
    sublayers = bits.take(3)
    bits.take(1)
    bits.take(88)
    _skip_levels(bits, sublayers)
    return bits.unsigned()


def _skip_levels(bits: Bits, sublayers: int) -> None:
    """The end of profile_tier_level (§7.3.3)."""
    bits.take(8)
    present = [(bits.take(1), bits.take(1)) for _ in range(sublayers)]
    if sublayers:
        bits.take(2 * (8 - sublayers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
