"""A whole canvas: background, tiles, logo, clock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from orchestrator.layouts.canvas import Canvas
from orchestrator.layouts.composition import Composition, Fit
from orchestrator.layouts.drawing.images import read_image, scaled
from orchestrator.layouts.drawing.paint import BLACK, WHITE, Image, color, over, through
from orchestrator.layouts.drawing.shapes import rounded
from orchestrator.layouts.drawing.text import text_mask
from orchestrator.layouts.drawing.tiles import TileView, border_strength, draw_tile, place_frame
from orchestrator.layouts.order import placeholder
from orchestrator.layouts.scene import Look, Scene

LOGO_SHARE: Final = 8
"""A logo is at most this part of the canvas high and wide."""
_MARGIN: Final = 60
"""The margin of logo and clock is this part of the canvas's shorter side."""


def canvas_image(scene: Scene, composed: Composition, frames: Mapping[str, Image]) -> Image:
    """The canvas in RGB; `frames` has the tracks' RGB frames by id. Reads the look's files."""
    image = background(scene.canvas, scene.look)
    participants = {each.identity: each for each in scene.participants}
    stand_ins = [placeholder(each) for each in scene.participants]
    tracks = {track.id: track for track in (*stand_ins, *scene.tracks)}
    speaking = {each.identity: each for each in scene.speakers}
    for tile in composed.tiles:
        track = tracks[tile.track]
        strength = border_strength(speaking.get(track.identity), scene.time_s)
        who, frame = participants[track.identity], frames.get(track.id)
        draw_tile(image, TileView(tile, track, who, scene.look, frame, strength))
    if scene.look.logo:
        _draw_logo(image, read_image(Path(scene.look.logo)))
    if scene.look.clock:
        _draw_clock(image, scene.time_s)
    return image


def background(canvas: Canvas, look: Look) -> Image:
    """The canvas without tiles."""
    image: Image = np.empty((canvas.height, canvas.width, 3), np.uint8)
    image[:] = color(look.background)
    if look.background_image:
        place_frame(image, canvas.whole, read_image(Path(look.background_image)), Fit.COVER)
    return image


def clock(time_s: float) -> str:
    """A recording's time: 0:00:07."""
    seconds = max(0, int(time_s))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _draw_logo(image: Image, logo: Image) -> None:
    height, width = image.shape[0] // LOGO_SHARE, image.shape[1] // LOGO_SHARE
    scale = min(height / logo.shape[0], width / logo.shape[1], 1.0)
    size = max(1, round(logo.shape[1] * scale)), max(1, round(logo.shape[0] * scale))
    margin = min(image.shape[:2]) // _MARGIN
    over(image, margin, margin, scaled(logo, *size))


def _draw_clock(image: Image, time_s: float) -> None:
    size = max(11, min(image.shape[:2]) // 36)
    margin, pad = min(image.shape[:2]) // _MARGIN, size // 2
    mask = text_mask(clock(time_s), size)
    left = image.shape[1] - margin - mask.shape[1] - pad
    bar = rounded(mask.shape[1] + 2 * pad, mask.shape[0], size // 3)
    through(image, left - pad, margin, bar, BLACK, opacity=0.6)
    through(image, left, margin, mask, WHITE)
