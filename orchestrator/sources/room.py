"""A LiveKit room's participants and what they publish, kept from the server's messages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from livekit.protocol import models, rtc

from orchestrator.media import RECEIVABLE, Publication, TrackKind, TrackSource

_KINDS: Final = {
    models.TrackType.AUDIO: TrackKind.AUDIO,
    models.TrackType.VIDEO: TrackKind.VIDEO,
}
_SOURCES: Final = {
    models.TrackSource.CAMERA: TrackSource.CAMERA,
    models.TrackSource.MICROPHONE: TrackSource.MICROPHONE,
    models.TrackSource.SCREEN_SHARE: TrackSource.SCREEN_SHARE,
    models.TrackSource.SCREEN_SHARE_AUDIO: TrackSource.SCREEN_SHARE_AUDIO,
}


class Room:
    """The participants and their tracks, kept from the server's messages."""

    def __init__(self, joined: rtc.JoinResponse) -> None:
        self._me = joined.participant.sid
        self._participants: dict[str, models.ParticipantInfo] = {}
        self.update(joined.other_participants)

    def update(self, participants: Iterable[models.ParticipantInfo]) -> None:
        """Takes in what changed."""
        for info in participants:
            known = self._participants.get(info.sid)
            if info.sid == self._me or (known is not None and info.version < known.version):
                continue
            if info.state == models.ParticipantInfo.State.DISCONNECTED:
                self._participants.pop(info.sid, None)
            else:
                self._participants[info.sid] = info

    @property
    def count(self) -> int:
        """Participants without ourselves and the hidden."""
        return sum(not info.permission.hidden for info in self._participants.values())

    def publications(self) -> Iterator[Publication]:
        """Every published track."""
        for info in self._participants.values():
            for track in info.tracks:
                if track.type in _KINDS:
                    yield publication_of(track, info)


def publication_of(track: models.TrackInfo, info: models.ParticipantInfo) -> Publication:
    """A track's announcement in our words."""
    # A browser that publishes VP9 or AV1 offers VP8 beside it (backup codec): the server sends each
    # subscriber the one it can decode.
    offered = [track.mime_type, *(codec.mime_type for codec in track.codecs)]
    types = [each.lower() for each in offered if each]
    mime_type = next((each for each in types if each in RECEIVABLE), types[0] if types else "")
    return Publication(
        sid=track.sid,
        kind=_KINDS[track.type],
        source=_SOURCES.get(track.source, TrackSource.UNKNOWN),
        mime_type=mime_type,
        participant=info.identity,
        joined_at_ms=info.joined_at_ms or 1000 * info.joined_at,
        width=track.width,
        height=track.height,
        muted=track.muted,
        encrypted=track.encryption != models.Encryption.Type.NONE,
    )
