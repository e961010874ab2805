"""Which publications of a room are recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.media import Publication, TrackKind, TrackSource


def _rank(publication: Publication) -> tuple[bool, bool, bool, int, str]:
    shared = publication.source is TrackSource.SCREEN_SHARE
    size = publication.width * publication.height
    return (publication.receivable, not publication.muted, shared, size, publication.sid)


def choose_video(publications: Iterable[Publication]) -> Publication | None:
    """One picture: one that isn't muted before others, then a screen share, then the largest.

    One that can't be received is chosen when there is no other: browsers that publish VP9 or AV1
    send VP8 as well once somebody subscribes who needs it.
    """
    videos = [p for p in publications if p.kind is TrackKind.VIDEO]
    return max(videos, key=_rank, default=None)


def choose_audio(publications: Iterable[Publication]) -> list[Publication]:
    """All the sound there is; it is mixed."""
    return [p for p in publications if p.kind is TrackKind.AUDIO and p.receivable]


def codec_name(publication: Publication) -> str:
    """`VP9` for `video/vp9`."""
    if publication.encrypted:
        return "end-to-end encrypted media"
    return publication.mime_type.rpartition("/")[2].upper()
