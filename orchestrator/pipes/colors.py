"""The color properties of a decoded frame, as ITU-T H.273 numbers them."""

from __future__ import annotations

from typing import Final

import av
from av.video.reformatter import ColorRange

from orchestrator.media import BT601, Colors

FULL_RANGE: Final = 2
"""AVCOL_RANGE_JPEG, and 1 for limited."""

_MATRICES: Final = {1: 1, 5: 6, 6: 6, 7: 7, 9: 9}
"""Of those for YUV the ones that are in use: BT.709, BT.601 (it has two numbers, and FFmpeg's VP8
decoder says the other one), SMPTE 240M, BT.2020."""

_PRIMARIES: Final = frozenset({1, 4, 5, 6, 7, 9, 11, 12})
_TRANSFERS: Final = frozenset({1, 4, 5, 6, 7, 8, 13, 14, 15, 16, 18})

_OF_MATRIX: Final = {1: (1, 1), 6: (6, 6), 7: (7, 7), 9: (9, 14)}
"""Primaries and transfer that go with each matrix where nobody says."""


def colors_of(frame: av.VideoFrame) -> Colors:
    """The frame's colors; limited range BT.601 where it has no known value."""
    matrix = _MATRICES.get(int(frame.colorspace), BT601.matrix)
    primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
    usual = _OF_MATRIX[matrix]
    full = int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")
    return Colors(
        matrix,
        primaries if primaries in _PRIMARIES else usual[0],
        transfer if transfer in _TRANSFERS else usual[1],
        full,
    )


def swscale_matrix(colors: Colors) -> int:
    """swscale's number of the matrix (SWS_CS_*), which has one for both of BT.601's."""
    return 5 if colors.matrix == BT601.matrix else colors.matrix


def swscale_range(colors: Colors) -> ColorRange:
    """swscale's value for the range."""
    return ColorRange.JPEG if colors.full_range else ColorRange.MPEG


def tag(frame: av.VideoFrame, colors: Colors) -> None:
    """Sets the frame's color properties."""
    frame.colorspace, frame.color_range = colors.matrix, FULL_RANGE if colors.full_range else 1
    frame.color_primaries, frame.color_trc = colors.primaries, colors.transfer
