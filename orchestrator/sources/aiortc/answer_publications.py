"""What an answer publishes, where nothing but the answer says so (WHEP)."""

from __future__ import annotations

from typing import Final

from aiortc.sdp import MediaDescription, SessionDescription

from orchestrator.media import Publication, TrackKind, TrackSource

KINDS: Final = (TrackKind.AUDIO, TrackKind.VIDEO)

_SOURCES: Final = {
    TrackKind.AUDIO: TrackSource.MICROPHONE,
    TrackKind.VIDEO: TrackSource.CAMERA,
}


def publications_in(sdp: str, participant: str) -> dict[str, Publication]:
    """One track of each kind, by the mid of its m-line; raises ValueError if this is not SDP.

    An m-line that was rejected (port 0) or is no media publishes nothing.
    """
    try:
        sections = SessionDescription.parse(sdp).media
    except (AssertionError, AttributeError, IndexError, KeyError, StopIteration) as wrong:
        raise ValueError(f"not SDP: {wrong}") from wrong
    if not sections:
        raise ValueError("not SDP: it has no m-line")
    found: dict[TrackKind, tuple[str, Publication]] = {}
    for section in sections:
        publication = _publication_of(section, participant)
        if publication is not None:
            found.setdefault(publication.kind, (section.rtp.muxId, publication))
    return dict(found.values())


def _publication_of(section: MediaDescription, participant: str) -> Publication | None:
    sends = section.direction in ("sendonly", "sendrecv")
    if section.kind not in tuple(KINDS) or section.port == 0 or not sends:
        return None
    if not section.rtp.codecs:
        return None
    kind = TrackKind(section.kind)
    return Publication(
        sid=kind.value,
        kind=kind,
        source=_SOURCES[kind],
        mime_type=section.rtp.codecs[0].mimeType.lower(),
        participant=participant,
    )
