"""What a layout returns: which tracks are shown, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from orchestrator.layouts.canvas import Rect

RADIUS: Final = 8
"""Of a tile's corners (--lk-border-radius of LiveKit's components)."""


class Fit(StrEnum):
    """How frames of another shape than their tile are placed in it."""

    COVER = "cover"
    """They fill it; what sticks out is cut off."""
    CONTAIN = "contain"
    """All of them is seen, with bars."""
    AUTO = "auto"
    """Landscape video covers; portrait video and screens are contained, as LiveKit's styles say."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One track on the canvas. Later tiles lie above earlier ones."""

    track: str
    """Its id."""
    rect: Rect
    fit: Fit = Fit.AUTO
    radius: int = RADIUS
    label: bool = True
    """The name and the muted microphone are drawn, if the look has them."""
    border: bool = True
    """It has a border while its participant speaks, if the look has one."""


@dataclass(frozen=True, slots=True)
class Composition:
    """All tiles of a moment."""

    tiles: tuple[Tile, ...] = ()

    @property
    def shown(self) -> tuple[str, ...]:
        """Their tracks, for `Scene.shown` of the next moment."""
        return tuple(tile.track for tile in self.tiles)


def composition(tiles: Iterable[Tile]) -> Composition:
    """A composition of any number of tiles."""
    return Composition(tuple(tiles))
