"""The canvas that a layout fills, and rectangles on it. Pixels, from the top left corner."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from orchestrator.errors import InvalidRequest

LEAST_SIDE: Final = 16
"""As LiveKit's egress allows (pkg/config/encoding.go)."""
MOST_SIDE: Final = 8192
MOST_PIXELS: Final = 7680 * 4320


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle: its top left pixel, its width and its height."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column right of it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.y + self.height

    def overlaps(self, other: Rect) -> bool:
        """Whether both have a pixel in common."""
        return (
            self.x < other.right
            and other.x < self.right
            and self.y < other.bottom
            and other.y < self.bottom
        )


@dataclass(frozen=True, slots=True)
class Canvas:
    """What is composed: its size in pixels, even numbers as encoders need."""

    width: int
    height: int

    @property
    def whole(self) -> Rect:
        """All of it."""
        return Rect(0, 0, self.width, self.height)

    @property
    def landscape(self) -> bool:
        """Wider than high; a square is not, as in LiveKit's components."""
        return self.width > self.height

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def canvas_of(text: str) -> Canvas:
    """The canvas of a word like 1280x720; InvalidRequest that says what is allowed."""
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text, re.ASCII)
    if found is None:
        raise _refused(text[:40])
    return checked_canvas(int(found[1]), int(found[2]))


def checked_canvas(width: int, height: int) -> Canvas:
    """The canvas of this size; InvalidRequest that says what is allowed."""
    small, large = min(width, height), max(width, height)
    good = small >= LEAST_SIDE and large <= MOST_SIDE and width * height <= MOST_PIXELS
    if not good or width % 2 or height % 2:
        raise _refused(f"{width}x{height}")
    return Canvas(width, height)


def _refused(text: str) -> InvalidRequest:
    return InvalidRequest(
        f"A canvas can't be {text!r}.",
        f"Give WIDTHxHEIGHT, 1280x720 for example: even numbers from {LEAST_SIDE} to {MOST_SIDE},"
        f" {MOST_PIXELS} pixels at most (as many as 7680x4320).",
    )
