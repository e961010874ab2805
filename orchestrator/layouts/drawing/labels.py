"""A tile's name with its muted microphone, and the initials of somebody whose camera is off."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from orchestrator.layouts.canvas import Rect
from orchestrator.layouts.drawing.paint import BLACK, WHITE, Color, Image, fill, lighter, through
from orchestrator.layouts.drawing.shapes import disc, muted_microphone, rounded
from orchestrator.layouts.drawing.text import ASCENT, fitting, text_mask

LEAST_LABEL: Final = (72, 40)
"""Pixels of the smallest tile with a label."""
_LEAST_TEXT: Final = 12
"""Pixels of an em."""
_MOST_TEXT: Final = 36
_TEXT_SHARE: Final = 0.04
"""Of a tile's shorter side."""
_BAR: Final = 0.6
"""How dark the bar behind a name is."""


class Label(NamedTuple):
    """What stands in the bar; `text` is safe."""

    text: str
    muted: bool


def text_size(rect: Rect) -> int:
    """The em of a tile's text, in pixels."""
    return min(max(round(min(rect.width, rect.height) * _TEXT_SHARE), _LEAST_TEXT), _MOST_TEXT)


def draw_label(image: Image, rect: Rect, label: Label) -> None:
    """The bar at the bottom left of a tile; nothing on tiles that are too small for it."""
    if rect.width < LEAST_LABEL[0] or rect.height < LEAST_LABEL[1]:
        return
    size = text_size(rect)
    margin, pad = size // 2, size // 2
    icon = round(size * 1.2) if label.muted else 0
    room = rect.width - 2 * margin - 2 * pad - icon
    text = fitting(label.text, room / size) if label.text else ""
    if not (text or label.muted):
        return
    mask = text_mask(text, size) if text else None
    width = (mask.shape[1] if mask is not None else 0) + icon + 2 * pad
    height = round(size * 1.7)
    left, top = rect.x + margin, rect.bottom - margin - height
    through(image, left, top, rounded(width, height, round(size * 0.4)), BLACK, opacity=_BAR)
    if icon:
        down = top + (height - icon) // 2
        through(image, left + pad - size // 5, down, muted_microphone(icon), WHITE)
    if mask is not None:
        through(image, left + pad + icon, _above(top, height, size), mask, WHITE)


def draw_initials(image: Image, rect: Rect, text: str, paint: Color) -> None:
    """The tile in somebody's color, and their initials in a disc in its middle."""
    fill(image, rect, paint)
    size = min(rect.width, rect.height) * 2 // 5
    if size < 8:
        return
    middle = rect.x + rect.width // 2, rect.y + rect.height // 2
    through(image, middle[0] - size // 2, middle[1] - size // 2, disc(size), lighter(paint, 0.14))
    em = size * 2 // 5
    mask = text_mask(text, em)
    left = middle[0] - mask.shape[1] // 2
    through(image, left, _above(middle[1] - size // 2, size, em), mask, WHITE)


def _above(top: int, height: int, size: int) -> int:
    """The top of a line of text whose capitals are in the middle of a bar."""
    baseline = top + (height + size * 0.71) / 2
    return round(baseline) - math.ceil(size * ASCENT)
