"""Places of layouts with a stage: speaker and carousel, halves, a small tile in a corner."""

from __future__ import annotations

from typing import Final, NamedTuple

from orchestrator.layouts.canvas import Canvas, Rect
from orchestrator.layouts.grid import GAP, GridSize, cells, even

NARROW: Final = 600
"""Pixels of width up to which the carousel lies below (lk-focus-layout of LiveKit's styles)."""
LEAST_CAROUSEL_TILE: Final = 130
"""Pixels of a carousel's tile along the carousel (CarouselLayout, MIN_HEIGHT)."""
LEAST_WITH_CAROUSEL: Final = 64
"""Pixels of the shorter side of a canvas that has room for a carousel."""
_STAGE_PARTS: Final = 5
"""Of six; the carousel has the other."""
_ASPECT: Final = 16 / 10
"""Of a carousel's tile."""


class Stage(NamedTuple):
    """The main place, and those of the carousel beside it."""

    main: Rect
    others: list[Rect]


def stage(canvas: Canvas, others: int) -> Stage:
    """The main tile and as many of `others` as the carousel shows; alone it fills the canvas."""
    if others == 0 or min(canvas.width, canvas.height) < LEAST_WITH_CAROUSEL:
        return Stage(canvas.whole, [])
    return _below(canvas, others) if canvas.width <= NARROW else _beside(canvas, others)


def _beside(canvas: Canvas, others: int) -> Stage:
    """The carousel left, its tiles from the top: as high as the number that fits asks for."""
    width = even((canvas.width - GAP) / (_STAGE_PARTS + 1))
    visible = max(1, round(canvas.height / max(width * 0.6, LEAST_CAROUSEL_TILE)))
    height = even((canvas.height - GAP * (visible - 1)) / visible)
    left = width + GAP
    main = Rect(left, 0, canvas.width - left, canvas.height)
    shown = min(visible, others)
    return Stage(main, [Rect(0, n * (height + GAP), width, height) for n in range(shown)])


def _below(canvas: Canvas, others: int) -> Stage:
    height = even((canvas.height - GAP) / (_STAGE_PARTS + 1))
    top = canvas.height - height
    visible = max(1, round(canvas.width / max(height * _ASPECT, LEAST_CAROUSEL_TILE)))
    width = even((canvas.width - GAP * (visible - 1)) / visible)
    main = Rect(0, 0, canvas.width, max(2, top - GAP))
    shown = min(visible, others)
    return Stage(main, [Rect(n * (width + GAP), top, width, height) for n in range(shown)])


def halves(canvas: Canvas) -> list[Rect]:
    """Two equal tiles: side by side, on a portrait canvas one above the other."""
    size = GridSize(2, 1) if canvas.landscape else GridSize(1, 2)
    return cells(canvas.whole, size)


def corner(canvas: Canvas, aspect: float) -> Rect:
    """A place at the bottom right, a quarter of the canvas wide and high at most.

    It has the aspect (width / height) that is asked for, from 9:16 to 16:9.
    """
    aspect = min(max(aspect, 9 / 16), 16 / 9)
    margin = even(min(canvas.width, canvas.height) / 30)
    share = 4 if canvas.landscape else 3
    most_width, most_height = canvas.width / share, canvas.height / 4
    width = max(2, even(min(most_width, most_height * aspect)))
    height = max(2, even(min(most_height, most_width / aspect)))
    return Rect(canvas.width - margin - width, canvas.height - margin - height, width, height)
