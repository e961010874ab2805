"""A LiveKit room's participants and what they publish, kept from the server's messages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

import structlog
from livekit.protocol import models, rtc

from orchestrator.logs import Repeated
from orchestrator.media import RECEIVABLE, Encryption, Publication, TrackKind, TrackSource

log = structlog.get_logger(__name__)

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


HasKey = Callable[[str], bool]
"""Whether there is a key for what a participant encrypts, by its identity."""


def _no_key(_: str) -> bool:
    return False


_ENCRYPTION: Final = {
    models.Encryption.Type.NONE: Encryption.NONE,
    models.Encryption.Type.GCM: Encryption.GCM,
}

MOST_PARTICIPANTS: Final = 10_000
MOST_TRACKS: Final = 500
"""Published tracks of a whole room: what is beyond either is left out, and logged."""

LONGEST_NAME: Final = 512
"""Characters of an identity, a sid or a MIME type; LiveKit's own limit for an identity is 256."""


@dataclass(frozen=True, slots=True)
class _Participant:
    """What is kept of a participant."""

    version: int
    hidden: bool
    publications: tuple[Publication, ...]


class Room:
    """The participants and their tracks, kept from the server's messages."""

    def __init__(self, joined: rtc.JoinResponse, has_key: HasKey = _no_key) -> None:
        self._has_key = has_key
        self._me = joined.participant.sid
        self._participants: dict[str, _Participant] = {}
        self._too_many = Repeated(log.warning)
        self.update(joined.other_participants)

    def update(self, participants: Iterable[models.ParticipantInfo]) -> None:
        """Takes in what changed."""
        for info in participants:
            known = self._participants.get(info.sid)
            if info.sid == self._me or (known is not None and info.version < known.version):
                continue
            if info.state == models.ParticipantInfo.State.DISCONNECTED:
                self._participants.pop(info.sid, None)
            elif known is None and len(self._participants) >= MOST_PARTICIPANTS:
                self._too_many("too many participants; the rest is ignored", most=MOST_PARTICIPANTS)
            elif max(len(info.sid), len(info.identity)) <= LONGEST_NAME:
                self._participants[info.sid] = self._kept(info)

    @property
    def count(self) -> int:
        """Participants without ourselves and the hidden."""
        return sum(not each.hidden for each in self._participants.values())

    def publications(self) -> Iterator[Publication]:
        """Every published track."""
        each = chain.from_iterable(one.publications for one in self._participants.values())
        yield from islice(each, MOST_TRACKS)
        if next(each, None) is not None:
            self._too_many("too many tracks; the rest is ignored", most=MOST_TRACKS)

    def _kept(self, info: models.ParticipantInfo) -> _Participant:
        published = (publication for _, publication in announced(info, self._has_key))
        return _Participant(info.version, info.permission.hidden, tuple(published))


def announced(
    info: models.ParticipantInfo, has_key: HasKey = _no_key
) -> Iterator[tuple[models.TrackInfo, Publication]]:
    """A participant's audio and video, as the server lists them."""
    tracks = (track for track in info.tracks if track.type in _KINDS)
    named = (track for track in tracks if 0 < len(track.sid) <= LONGEST_NAME)
    for track in islice(named, MOST_TRACKS):
        yield track, publication_of(track, info, has_key)


def publication_of(
    track: models.TrackInfo, info: models.ParticipantInfo, has_key: HasKey = _no_key
) -> Publication:
    """A track's announcement in our words."""
    # A browser that publishes VP9 or AV1 offers VP8 beside it (backup codec): the server sends each
    # subscriber the one it can decode.
    offered = [track.mime_type, *(codec.mime_type for codec in track.codecs)]
    types = [each.lower() for each in offered if 0 < len(each) <= LONGEST_NAME]
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
        encryption=(encryption := _ENCRYPTION.get(track.encryption, Encryption.CUSTOM)),
        has_key=encryption is Encryption.GCM and has_key(info.identity),
    )
