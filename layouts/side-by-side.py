"""The first two of screens and speakers, each on half of the canvas."""

from orchestrator.layouts import Composition, Scene, full_tile, halves, in_order, page, tiles


def layout(scene: Scene) -> Composition:
    """On a portrait canvas one above the other; one alone has the whole canvas."""
    tracks = in_order(scene)
    if len(tracks) < 2:
        return Composition(tuple(full_tile(scene, track) for track in tracks))
    return tiles(page(tracks, scene.shown, 2), halves(scene.canvas))
