"""What a layout returned is checked before anything is drawn: types, numbers, places."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from orchestrator.layouts.canvas import Canvas, Rect
from orchestrator.layouts.composition import Composition, Fit, Tile

MOST_TILES: Final = 256


def problem_of(
    returned: Any, canvas: Canvas, tracks: Collection[str], *, may_overlap: bool
) -> str | None:
    """What is wrong with what a layout returned, in words; None if it can be drawn."""
    if not isinstance(returned, Composition):
        return f"layout() returned {type(returned).__name__}, not a Composition"
    tiles = returned.tiles
    if not isinstance(tiles, tuple) or not all(isinstance(tile, Tile) for tile in tiles):
        return "the tiles of a Composition must be a tuple of Tile"
    if len(tiles) > MOST_TILES:
        return f"it returned {len(tiles)} tiles; {MOST_TILES} is the limit"
    for tile in tiles:
        problem = _problem_of_tile(tile, canvas, tracks)
        if problem is not None:
            return problem
    return _repeated(tiles) or (None if may_overlap else _overlapping(tiles))


def _problem_of_tile(tile: Tile, canvas: Canvas, tracks: Collection[str]) -> str | None:
    if not isinstance(tile.track, str) or tile.track not in tracks:
        return f"there is no track {str(tile.track)[:80]!r} in the scene"
    problem = _problem_of_rect(tile.rect, canvas) or _problem_of_style(tile)
    return problem and f"the tile of track {tile.track[:80]!r} {problem}"


def _problem_of_rect(rect: Any, canvas: Canvas) -> str | None:
    if not isinstance(rect, Rect):
        return f"has {type(rect).__name__} as its place, not a Rect"
    sides = (rect.x, rect.y, rect.width, rect.height)
    if not all(type(side) is int for side in sides):
        return f"has a place that isn't in whole pixels (int): {_said(sides)}"
    if rect.width < 1 or rect.height < 1:
        return f"is empty: {_said(sides)}"
    if rect.x < 0 or rect.y < 0 or rect.right > canvas.width or rect.bottom > canvas.height:
        return f"lies outside the canvas of {canvas}: {_said(sides)}"
    return None


def _said(sides: Sequence[Any]) -> str:
    """The numbers of a rectangle, however many digits they have."""
    names = ("x", "y", "width", "height")
    return ", ".join(f"{name}={_short(side)}" for name, side in zip(names, sides, strict=True))


def _short(value: Any) -> str:
    if type(value) is int and abs(value) >= 10**12:
        return "more than 12 digits"
    return repr(value)[:40] if isinstance(value, int | float) else type(value).__name__


def _problem_of_style(tile: Tile) -> str | None:
    if not isinstance(tile.fit, Fit):
        return f"has {type(tile.fit).__name__} as its fit, not a Fit"
    if type(tile.radius) is not int or tile.radius < 0:
        return "has a radius that isn't a whole number from 0 upwards"
    if type(tile.label) is not bool or type(tile.border) is not bool:
        return "has a label or a border that is neither True nor False"
    return None


def _repeated(tiles: Sequence[Tile]) -> str | None:
    seen: set[str] = set()
    for tile in tiles:
        if tile.track in seen:
            return f"track {tile.track[:80]!r} has two tiles"
        seen.add(tile.track)
    return None


def _overlapping(tiles: Sequence[Tile]) -> str | None:
    """The first pair that overlaps. By their left sides: only those that begin before it ends."""
    byleft = sorted(tiles, key=lambda tile: tile.rect.x)
    for index, tile in enumerate(byleft):
        right = tile.rect.right
        for other in byleft[index + 1 :]:
            if other.rect.x >= right:
                break
            if tile.rect.overlaps(other.rect):
                pair = f"{tile.track[:80]!r} and {other.track[:80]!r}"
                return f"the tiles of tracks {pair} overlap; OVERLAPS = True in the file allows it"
    return None
