"""Frames in tiles: which part of a frame is seen, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.layouts.canvas import Rect
from orchestrator.layouts.composition import Fit
from orchestrator.layouts.grid import even
from orchestrator.layouts.scene import Track


@dataclass(frozen=True, slots=True)
class Placement:
    """A part of the frame, and the place for it on the canvas."""

    part: Rect
    place: Rect


def fit_of(track: Track, fit: Fit) -> Fit:
    """COVER or CONTAIN: what AUTO means for this track."""
    if fit is not Fit.AUTO:
        return fit
    contained = track.is_screen or 0 < track.width <= track.height
    return Fit.CONTAIN if contained else Fit.COVER


def placement(width: int, height: int, tile: Rect, fit: Fit) -> Placement:
    """For a frame of this size; CONTAIN rounds to even numbers, at least 2 pixels."""
    if fit is Fit.COVER:
        return Placement(_covering_part(width, height, tile), tile)
    scale = min(tile.width / width, tile.height / height)
    wide = min(tile.width, max(2, _even_nearest(width * scale)))
    high = min(tile.height, max(2, _even_nearest(height * scale)))
    left = tile.x + even((tile.width - wide) / 2)
    top = tile.y + even((tile.height - high) / 2)
    return Placement(Rect(0, 0, width, height), Rect(left, top, wide, high))


def _covering_part(width: int, height: int, tile: Rect) -> Rect:
    """The middle of the frame with the tile's shape."""
    wide = min(width, max(1, round(height * tile.width / tile.height)))
    high = min(height, max(1, round(width * tile.height / tile.width)))
    return Rect((width - wide) // 2, (height - high) // 2, wide, high)


def _even_nearest(length: float) -> int:
    return round(length / 2) * 2
