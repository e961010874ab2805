"""Whether what is announced could be recorded, before anything is received; if not, why. Pure.

The answers are those of the selection that a recording makes, and of the errors that it gives.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.errors import HavenError
from orchestrator.media import Publication, TrackKind
from orchestrator.worker.tracks.refusals import too_large, unsupported, without_key
from orchestrator.worker.tracks.selection import TrackSelection
from orchestrator.worker.tracks.selection_policy import SelectionPolicy


def selection_of(
    publications: Iterable[Publication], policy: SelectionPolicy, most_pixels: int
) -> TrackSelection:
    """What a recording would select of it now."""
    selection = TrackSelection(policy)
    for publication in publications:
        selection.put(publication)
    selection.choose()
    for publication in selection.publications.values():
        if publication.receivable and (why := _too_large(publication, most_pixels)) is not None:
            selection.refuse(publication.sid, why)
    return selection


def obstacle_of(publication: Publication, most_pixels: int) -> HavenError | None:
    """Why this publication can't be recorded, muted or not; None if it can."""
    if not publication.decryptable:
        return without_key(publication)
    if not publication.receivable:
        return unsupported(publication)
    return _too_large(publication, most_pixels)


def start_obstacle(selection: TrackSelection, listed_by: str) -> HavenError | None:
    """Why a start would record nothing; None if it would begin.

    `listed_by`: who lists the stream as live.
    """
    hopeless = selection.encrypted or selection.unsupported or selection.everybody_muted
    if hopeless or not _comes(selection):
        return selection.why_nothing(listed_by)
    return None


def _comes(selection: TrackSelection) -> bool:
    """Whether frames of anything selected are to be expected."""
    video = selection.video
    seen = video is not None and not video.muted and selection.why_refused(video.sid) is None
    return seen or any(not audio.muted for audio in selection.audio.values())


def _too_large(publication: Publication, most_pixels: int) -> HavenError | None:
    """By its announced size; its keyframes decide in the end."""
    size = f"{publication.width}x{publication.height}"
    is_video = publication.kind is TrackKind.VIDEO
    large = is_video and publication.width * publication.height > most_pixels
    return too_large(size, most_pixels) if large else None
