"""A screen share or the speaker on the whole canvas, the next one small in the corner."""

from orchestrator.layouts import Composition, Fit, Scene, Tile, Track, corner, full_tile, in_order

OVERLAPS = True


def layout(scene: Scene) -> Composition:
    """The small tile has the shape of its video, from 9:16 to 16:9."""
    tracks = in_order(scene)
    large = [full_tile(scene, track) for track in tracks[:1]]
    return Composition((*large, *(_small(scene, track) for track in tracks[1:2])))


def _small(scene: Scene, track: Track) -> Tile:
    fit = Fit.AUTO if track.is_screen else Fit.COVER
    return Tile(track.id, corner(scene.canvas, _aspect(track)), fit)


def _aspect(track: Track) -> float:
    return track.width / track.height if track.width and track.height else 16 / 9
