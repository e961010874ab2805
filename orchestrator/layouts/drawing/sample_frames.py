"""Frames that stand for video in a preview: a circle and a grid show what is cut or distorted."""

from __future__ import annotations

import colorsys
import zlib

import numpy as np

from orchestrator.layouts.drawing.paint import Image
from orchestrator.layouts.scene import Track

USUAL_SIZE = (1280, 720)
"""Of a track whose size nobody says."""
_MOST_PIXELS = 1920 * 1080
"""Larger tracks get a smaller frame of the same shape."""


def sample_frame(track: Track) -> Image:
    """An RGB frame of the track's shape, in a color of its participant; screens are light."""
    width, height = _size(track)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = columns - width / 2, rows - height / 2
    short = min(width, height)
    shade = 0.45 + 0.25 * (columns / width) + 0.2 * (1 - rows / height)
    cell = max(8, short // 6)
    on_grid = (np.abs(x) % cell < short / 180) | (np.abs(y) % cell < short / 180)
    from_circle = np.abs(np.hypot(x, y) - short * 0.45) - short / 90
    circle = np.clip(0.5 - from_circle, 0, 1)
    shade = np.where(on_grid, shade * 0.85, shade)
    shade = shade + (1 - shade) * circle
    image: Image = (shade[..., None] * _base(track)).clip(0, 255).astype(np.uint8)
    return image


def _size(track: Track) -> tuple[int, int]:
    width, height = track.width or USUAL_SIZE[0], track.height or USUAL_SIZE[1]
    scale = min(1.0, (_MOST_PIXELS / (width * height)) ** 0.5)
    return max(2, round(width * scale)), max(2, round(height * scale))


def _base(track: Track) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    hue = zlib.crc32(track.identity.encode("utf-8", "surrogatepass")) % 360 / 360
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.12 if track.is_screen else 0.5, 0.95)
    return np.array([red * 255, green * 255, blue * 255], np.float32)
