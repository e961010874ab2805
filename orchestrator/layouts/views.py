"""Whole compositions that several layouts share."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.layouts.canvas import Rect
from orchestrator.layouts.composition import RADIUS, Composition, Tile, composition
from orchestrator.layouts.order import page
from orchestrator.layouts.scene import Scene, Track
from orchestrator.layouts.stage import stage


def tiles(tracks: Sequence[Track], places: Sequence[Rect]) -> Composition:
    """The first tracks in these places."""
    return composition(Tile(t.id, rect) for t, rect in zip(tracks, places, strict=False))


def whole(scene: Scene, track: Track) -> Composition:
    """One track alone on the canvas."""
    return composition([full_tile(scene, track)])


def full_tile(scene: Scene, track: Track) -> Tile:
    """The tile that fills the canvas, without round corners."""
    return Tile(track.id, scene.canvas.whole, radius=0)


def speaker_view(scene: Scene, tracks: Sequence[Track]) -> Composition:
    """The first track on the stage, the others in the carousel, where they stay in place."""
    if len(tracks) < 2:
        return composition(full_tile(scene, track) for track in tracks)
    main, *others = tracks
    places = stage(scene.canvas, len(others))
    beside = page(others, scene.shown[1:], len(places.others))
    return composition(
        [
            Tile(main.id, places.main, radius=RADIUS),
            *tiles(beside, places.others).tiles,
        ]
    )
