"""A screen share or the speaker large, the others in a carousel beside it."""

from orchestrator.layouts import Composition, Scene, in_order, speaker_view


def layout(scene: Scene) -> Composition:
    """As egress' template does."""
    return speaker_view(scene, in_order(scene))
