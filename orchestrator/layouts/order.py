"""Who is shown first, and who stays where they are: as LiveKit's components do.

Order: components-js packages/core/src/sorting/sort-track-bundles.ts. Places: useVisualStableUpdate.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.layouts.scene import Participant, Scene, Speaking, Track
from orchestrator.media import TrackSource


def in_order(scene: Scene) -> list[Track]:
    """All tracks that may be shown: screens, then cameras, then those of unknown sources.

    Screens by when their participants joined; cameras: who speaks louder, who speaks, who spoke
    last, a track before a placeholder, camera on, who joined first. Whoever the hold keeps on the
    stage is the first of the cameras.
    """
    joined = {each.identity: each.joined_s for each in scene.participants}
    speaking = {each.identity: each for each in scene.speakers}

    def key(track: Track) -> tuple[float, ...]:
        since = joined.get(track.identity, 0.0)
        if track.is_screen:
            return (0, since)
        if track.source is not TrackSource.CAMERA:
            return (2, since)
        on_stage = track.identity == scene.stage
        said = _loudness(speaking.get(track.identity))
        return (1, not on_stage, *said, track.placeholder, track.muted, since)

    return sorted(_candidates(scene, joined), key=key)


def first_speaker(scene: Scene) -> str | None:
    """Who would be on the stage without a hold; None in a room without cameras."""
    unheld = Scene(scene.canvas, scene.participants, scene.tracks, scene.speakers, look=scene.look)
    cameras = (t for t in in_order(unheld) if t.source is TrackSource.CAMERA)
    return next((track.identity for track in cameras), None)


def page(tracks: Sequence[Track], shown: Sequence[str], size: int) -> list[Track]:
    """The first `size` tracks; whoever was shown stays in place.

    One who comes in takes the place of one who leaves; the others are added at the end.
    """
    wanted = {track.id: track for track in tracks[:size]}
    coming = [track for track in wanted.values() if track.id not in shown]
    coming.reverse()
    placed = [
        wanted[id] if id in wanted else coming.pop() if coming else None
        for id in dict.fromkeys(shown)
    ]
    return [track for track in placed if track is not None] + coming[::-1]


def _candidates(scene: Scene, joined: dict[str, float]) -> list[Track]:
    tracks = [track for track in scene.tracks if track.identity in joined]
    if not scene.look.everyone:
        return tracks
    seen = {track.identity for track in tracks if not track.is_screen}
    return tracks + [placeholder(each) for each in scene.participants if each.identity not in seen]


def placeholder(participant: Participant) -> Track:
    """What stands for a participant without a video track; its id is no LiveKit track's."""
    return Track(f"placeholder:{participant.identity}", participant.identity, placeholder=True)


def _loudness(speaking: Speaking | None) -> tuple[float, ...]:
    if speaking is None:
        return (True, 0.0, 0.0)
    return (not speaking.active, -speaking.level if speaking.active else 0.0, -speaking.began_s)
