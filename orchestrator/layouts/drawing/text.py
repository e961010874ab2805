"""Text as coverage masks: runs by direction and font, shaped by HarfBuzz, drawn by hb-raster."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Final

import numpy as np
import numpy.typing as npt
import uharfbuzz as hb

from orchestrator.layouts.clusters import clusters
from orchestrator.layouts.drawing.bidi import Run, runs
from orchestrator.layouts.drawing.faces import Face, drawable, face_of

Mask = npt.NDArray[np.uint8]
"""Rows from the top; 0 is nothing, 255 is covered."""

ASCENT: Final = 1.07
"""Of a line above its baseline, in ems: Noto Sans's."""
DESCENT: Final = 0.3
_ELLIPSIS: Final = "…"


@dataclass(frozen=True, slots=True)
class _Glyph:
    face: Face
    index: int
    x: float
    y: float
    """In ems, from the beginning of the line's baseline."""


@dataclass(frozen=True, slots=True)
class Line:
    """A shaped line of text, from left to right."""

    glyphs: tuple[_Glyph, ...]
    width: float
    """In ems."""


@lru_cache(maxsize=1024)
def shaped(text: str) -> Line:
    """The line's glyphs and width."""
    glyphs: list[_Glyph] = []
    x = 0.0
    for run in runs("".join(drawable(cluster) for cluster in clusters(text))):
        for face, part in _by_face(run):
            more, advance = _shape(face, part, run.rtl, x)
            glyphs += more
            x += advance
    return Line(tuple(glyphs), x)


def fitting(text: str, width: float) -> str:
    """The text, or as much of it as is so wide (in ems), with an ellipsis; maybe nothing."""
    if shaped(text).width <= width:
        return text
    parts = clusters(text)
    low, high = 0, len(parts) - 1  # between them lies how many fit
    while low < high:
        middle = (low + high + 1) // 2
        if shaped("".join(parts[:middle]).rstrip() + _ELLIPSIS).width <= width:
            low = middle
        else:
            high = middle - 1
    return "".join(parts[:low]).rstrip() + _ELLIPSIS if low else ""


@lru_cache(maxsize=256)
def text_mask(text: str, size: int) -> Mask:
    """The text with an em of `size` pixels: as high as a line, as wide as the text. Read-only."""
    line = shaped(text)
    below, above = math.ceil(size * DESCENT), math.ceil(size * ASCENT)
    width, height = max(1, math.ceil(line.width * size) + 2), below + above
    draw = hb.RasterDraw()
    for glyph in line.glyphs:
        scale = size / glyph.face.em
        draw.transform = (scale, 0, 0, scale, 1 + glyph.x * size, glyph.y * size)
        draw.draw_glyph(glyph.face.font, glyph.index)
    draw.extents = hb.RasterExtents(0, -below, width, height, 0)
    return _mask(draw.render(), width, height)


def _mask(image: hb.RasterImage | None, width: int, height: int) -> Mask:
    if image is None or image.extents.height != height:
        return np.zeros((height, width), np.uint8)
    rows = np.frombuffer(image.buffer, np.uint8).reshape(height, image.extents.stride)
    return rows[::-1, :width]


def _by_face(run: Run) -> Iterator[tuple[Face, str]]:
    """Parts of a run by font, from left to right. Spaces have the font of what stands before."""
    chosen: list[tuple[Face, str]] = []
    for cluster in clusters(run.text):
        before = chosen[-1][0] if chosen else None
        stays = before is not None and not cluster[0].isalnum() and before.has(cluster)
        chosen.append((before if before and stays else face_of(cluster), cluster))
    parts = [
        (face, "".join(cluster for _, cluster in group))
        for face, group in groupby(chosen, lambda each: each[0])
    ]
    return reversed(parts) if run.rtl else iter(parts)


def _shape(face: Face, text: str, rtl: bool, x: float) -> tuple[list[_Glyph], float]:
    """The glyphs from `x` on, and how far they reach; both in ems."""
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if rtl else "ltr"
    hb.shape(face.font, buffer)
    glyphs, at = [], 0
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions or (), strict=True):
        left = x + (at + place.x_offset) / face.em
        glyphs.append(_Glyph(face, info.codepoint, left, place.y_offset / face.em))
        at += place.x_advance
    return glyphs, at / face.em
