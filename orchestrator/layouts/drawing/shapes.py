"""Shapes as coverage masks: rounded rectangles, borders, a disc, a muted microphone.

Edges are smoothed by the distance of a pixel's center from the outline.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from orchestrator.layouts.drawing.text import Mask

_Floats = npt.NDArray[np.floating[Any]]


@lru_cache(maxsize=64)
def rounded(width: int, height: int, radius: int) -> Mask:
    """A rectangle that fills the mask, with round corners."""
    if radius <= 0:
        return np.full((height, width), 255, np.uint8)
    return _coverage(_rounded_distance(width, height, radius))


@lru_cache(maxsize=64)
def ring(width: int, height: int, radius: int, thickness: float) -> Mask:
    """The border of that rectangle, inside it."""
    outside = _rounded_distance(width, height, radius)
    return _coverage(np.maximum(outside, -outside - thickness))


@lru_cache(maxsize=32)
def disc(size: int) -> Mask:
    """A disc that fills a square."""
    return rounded(size, size, size // 2)


@lru_cache(maxsize=32)
def muted_microphone(size: int) -> Mask:
    """A microphone, crossed out, in a square."""
    x, y = _coordinates(size, size)
    x, y = x / size, y / size
    body = _segment(x, y, (0.5, 0.24), (0.5, 0.46)) - 0.13
    holder = np.abs(np.hypot(x - 0.5, y - 0.46) - 0.24) - 0.035
    holder = np.maximum(holder, 0.46 - y)
    foot = np.minimum(
        _segment(x, y, (0.5, 0.7), (0.5, 0.86)), _segment(x, y, (0.36, 0.86), (0.64, 0.86))
    )
    icon = np.minimum(np.minimum(body, holder), foot - 0.035)
    line = _segment(x, y, (0.16, 0.12), (0.84, 0.88))
    crossed = np.minimum(np.maximum(icon, 0.085 - line), line - 0.035)
    return _coverage(crossed * size)


def _coordinates(width: int, height: int) -> tuple[_Floats, _Floats]:
    """The centers of all pixels."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return columns + 0.5, rows + 0.5


def _rounded_distance(width: int, height: int, radius: int) -> _Floats:
    radius = min(radius, width // 2, height // 2)
    x, y = _coordinates(width, height)
    across = np.abs(x - width / 2) - (width / 2 - radius)
    down = np.abs(y - height / 2) - (height / 2 - radius)
    outside = np.hypot(np.maximum(across, 0), np.maximum(down, 0))
    distance: _Floats = outside + np.minimum(np.maximum(across, down), 0) - radius
    return distance


def _segment(x: _Floats, y: _Floats, a: tuple[float, float], b: tuple[float, float]) -> _Floats:
    """The distance from a line between two points."""
    along_x, along_y = b[0] - a[0], b[1] - a[1]
    t = ((x - a[0]) * along_x + (y - a[1]) * along_y) / (along_x**2 + along_y**2)
    t = np.clip(t, 0, 1)
    distance: _Floats = np.hypot(x - a[0] - t * along_x, y - a[1] - t * along_y)
    return distance


def _coverage(distance: _Floats) -> Mask:
    """Inside is below zero."""
    covered: Mask = (np.clip(0.5 - distance, 0, 1) * 255 + 0.5).astype(np.uint8)
    return covered
