"""Equal tiles; with a screen share the layout speaker."""

from orchestrator.layouts import Composition, Scene, grid, in_order, page, speaker_view, tiles


def layout(scene: Scene) -> Composition:
    """As egress' template does: tiles stay in place as long as the same people are shown."""
    tracks = in_order(scene)
    if tracks and tracks[0].is_screen:
        return speaker_view(scene, tracks)
    places = grid(scene.canvas, len(tracks))
    return tiles(page(tracks, scene.shown, len(places)), places)
