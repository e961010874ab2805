"""Paint on RGB images: colors through masks, images over others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from orchestrator.layouts.canvas import Rect
from orchestrator.layouts.drawing.text import Mask

Image = npt.NDArray[np.uint8]
"""Rows from the top, RGB (or RGBA where that is said)."""
Color = tuple[int, int, int]

WHITE: Color = (255, 255, 255)
BLACK: Color = (0, 0, 0)


def color(text: str) -> Color:
    """The color of #rrggbb."""
    value = int(text.removeprefix("#"), 16)
    return value >> 16 & 255, value >> 8 & 255, value & 255


def lighter(base: Color, share: float) -> Color:
    """The color, by a share of the way to white."""
    red, green, blue = (round(part + (255 - part) * share) for part in base)
    return red, green, blue


def fill(image: Image, rect: Rect, paint: Color) -> None:
    """A rectangle in one color."""
    image[rect.y : rect.bottom, rect.x : rect.right] = paint


def through(
    image: Image, x: int, y: int, mask: Mask, paint: Color, *, opacity: float = 1.0
) -> None:
    """A color through a mask whose top left corner is at (x, y); what lies outside is cut off."""
    place = _clipped(image, x, y, *mask.shape)
    if place is None:
        return
    under, part = place
    weight = mask[part].astype(np.uint16)[..., None]
    if opacity < 1:
        weight = (weight * np.uint16(round(opacity * 256))) >> np.uint16(8)
    _mix(image[under], np.array(paint, np.uint16), weight)


def over(image: Image, x: int, y: int, upper: Image, mask: Mask | None = None) -> None:
    """An RGB or RGBA image over another, through a mask if there is one."""
    place = _clipped(image, x, y, *upper.shape[:2])
    if place is None:
        return
    under, part = place
    source = upper[part]
    weight = None if mask is None else mask[part].astype(np.uint16)
    if source.shape[2] == 4:
        alpha = source[..., 3].astype(np.uint16)
        weight = alpha if weight is None else weight * alpha // 255
    if weight is None:
        image[under] = source
    else:
        _mix(image[under], source[..., :3].astype(np.uint16), weight[..., None])


def _mix(under: Image, paint: npt.NDArray[np.uint16], weight: npt.NDArray[np.uint16]) -> None:
    """`weight` is from 0 to 255; 255 * 255 fits 16 bits."""
    under[...] = (under * (255 - weight) + paint * weight + 127) // 255


def _clipped(
    image: Image, x: int, y: int, height: int, width: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """The places on the image and in what is painted that lie on each other."""
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + width, image.shape[1]), min(y + height, image.shape[0])
    if left >= right or top >= bottom:
        return None
    under = (slice(top, bottom), slice(left, right))
    return under, (slice(top - y, bottom - y), slice(left - x, right - x))
