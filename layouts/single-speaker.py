"""A screen share or the speaker alone, on the whole canvas."""

from orchestrator.layouts import Composition, Scene, full_tile, in_order


def layout(scene: Scene) -> Composition:
    """As egress' template does."""
    return Composition(tuple(full_tile(scene, track) for track in in_order(scene)[:1]))
