"""One track on the whole canvas with nothing drawn on it; it stays as long as it is there."""

from orchestrator.layouts import Composition, Fit, Scene, Tile, in_order


def layout(scene: Scene) -> Composition:
    """The track of the moment before, if it is still there, else the first."""
    tracks = in_order(scene)
    before = [track for track in tracks if track.id in scene.shown[:1]]
    return Composition(
        tuple(
            Tile(
                track.id,
                scene.canvas.whole,
                fit=Fit.CONTAIN,
                radius=0,
                label=False,
                border=False,
            )
            for track in [*before, *tracks][:1]
        )
    )
