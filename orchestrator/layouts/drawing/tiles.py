"""One tile: its frame in place, or initials, then border and label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from orchestrator.layouts.canvas import Rect
from orchestrator.layouts.composition import Fit, Tile
from orchestrator.layouts.drawing.images import scaled
from orchestrator.layouts.drawing.labels import Label, draw_initials, draw_label
from orchestrator.layouts.drawing.paint import Image, color, fill, lighter, over, through
from orchestrator.layouts.drawing.shapes import ring, rounded
from orchestrator.layouts.fitting import fit_of, placement
from orchestrator.layouts.names import color_of, initials, safe_name
from orchestrator.layouts.scene import Look, Microphone, Participant, Speaking, Track

BORDER: Final = 2.5
"""Pixels of the speaking border at a canvas of 720 lines or less; thicker on larger ones."""
BORDER_COLOR: Final = "#1f8cf9"
FADE_IN_S: Final = 0.2
FADE_OUT_S: Final = 0.5
_BAR_SHADE: Final = 0.05
"""How much lighter than the background what is beside contained video is."""


@dataclass(frozen=True, slots=True)
class TileView:
    """A tile with all that is drawn in it."""

    tile: Tile
    track: Track
    participant: Participant
    look: Look
    frame: Image | None
    """The track's RGB frame; None: there is none."""
    strength: float
    """Of the speaking border, from 0 to 1."""

    @property
    def has_border(self) -> bool:
        """Whether the speaking border is seen; screens have none."""
        wanted = self.tile.border and self.look.speaking_border and not self.track.is_screen
        return wanted and self.strength > 0


def border_strength(speaking: Speaking | None, now_s: float) -> float:
    """The speaking border's opacity: it fades in in 0.2 s, and out in 0.5 s."""
    if speaking is None:
        return 0.0
    if speaking.ended_s is None:
        return min(1.0, max(0.0, (now_s - speaking.began_s) / FADE_IN_S))
    return min(1.0, max(0.0, 1 - (now_s - speaking.ended_s) / FADE_OUT_S))


def label_of(track: Track, participant: Participant, look: Look) -> Label:
    """The words of a tile's label."""
    name = safe_name(participant.name, participant.identity)
    text = f"{name}'s screen" if track.is_screen else name
    muted = participant.microphone is Microphone.MUTED and not track.is_screen
    return Label(text if look.names else "", look.microphones and muted)


def draw_tile(image: Image, view: TileView) -> None:
    """Draws a tile on the canvas."""
    rect, size = view.tile.rect, (view.tile.rect.width, view.tile.rect.height)
    over(image, rect.x, rect.y, content(view), rounded(*size, view.tile.radius))
    if view.has_border:
        thickness = max(BORDER, BORDER * min(image.shape[:2]) / 720)
        mask = ring(*size, view.tile.radius, thickness)
        paint = color(BORDER_COLOR)
        through(image, rect.x, rect.y, mask, paint, opacity=view.strength)
    if view.tile.label:
        draw_label(image, rect, label_of(view.track, view.participant, view.look))


def content(view: TileView) -> Image:
    """The tile alone, with square corners: video, bars, initials."""
    whole = Rect(0, 0, view.tile.rect.width, view.tile.rect.height)
    own: Image = np.empty((whole.height, whole.width, 3), np.uint8)
    if view.track.muted or view.frame is None:
        who = view.participant
        paint = color(color_of(who.identity))
        draw_initials(own, whole, initials(safe_name(who.name, who.identity)), paint)
        return own
    fill(own, whole, lighter(color(view.look.background), _BAR_SHADE))
    place_frame(own, whole, view.frame, fit_of(view.track, view.tile.fit))
    return own


def place_frame(image: Image, rect: Rect, frame: Image, fit: Fit) -> None:
    """A frame in a rectangle of an image, cut or with bars as its fit asks for."""
    placed = placement(frame.shape[1], frame.shape[0], rect, fit)
    part, place = placed.part, placed.place
    seen = frame[part.y : part.bottom, part.x : part.right]
    over(image, place.x, place.y, scaled(seen, place.width, place.height))
