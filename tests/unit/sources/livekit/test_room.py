"""Participants and publications from LiveKit's messages."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.protocol import models, rtc

from orchestrator.media import Encryption, Publication, TrackKind, TrackSource
from orchestrator.sources.livekit.room import Room, publication_of
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.source import (
    ParticipantsChanged,
    PublicationAdded,
    PublicationChanged,
    PublicationRemoved,
    PublicationsUpdated,
    SourceEvent,
)

VIDEO = models.TrackType.VIDEO
State = models.ParticipantInfo.State


def someone(name: str, *tracks: models.TrackInfo, version: int = 1) -> models.ParticipantInfo:
    return models.ParticipantInfo(sid=f"PA_{name}", identity=name, tracks=tracks, version=version)


def joined(*others: models.ParticipantInfo) -> Room:
    return Room(rtc.JoinResponse(participant=someone("me"), other_participants=others))


def test_a_backup_codec_makes_a_publication_receivable() -> None:
    codecs = [models.SimulcastCodecInfo(mime_type=each) for each in ("video/H266", "video/VP8")]
    track = models.TrackInfo(sid="TR", type=VIDEO, mime_type="video/H266", codecs=codecs)
    assert publication_of(track, models.ParticipantInfo(identity="host")).mime_type == "video/vp8"
    alone = models.TrackInfo(sid="TR", type=VIDEO, mime_type="video/H266")
    assert not publication_of(alone, models.ParticipantInfo(identity="host")).receivable


def test_an_encrypted_screen_is_told_as_such() -> None:
    track = models.TrackInfo(
        sid="TR",
        type=VIDEO,
        source=models.TrackSource.SCREEN_SHARE,
        mime_type="video/VP8",
        encryption=models.Encryption.Type.GCM,
        width=1920,
        height=1080,
        muted=True,
    )
    assert publication_of(track, models.ParticipantInfo(identity="host")) == Publication(
        sid="TR",
        kind=TrackKind.VIDEO,
        source=TrackSource.SCREEN_SHARE,
        mime_type="video/vp8",
        participant="host",
        width=1920,
        height=1080,
        muted=True,
        encryption=Encryption.GCM,
    )


@pytest.mark.parametrize(
    ("encryption", "mime_type", "receivable"),
    [
        (models.Encryption.Type.NONE, "video/VP8", {"anna": True, "host": True}),
        (models.Encryption.Type.GCM, "video/VP8", {"anna": True, "host": False}),
        (models.Encryption.Type.GCM, "video/AV1", {"anna": False}),
        (models.Encryption.Type.CUSTOM, "video/VP8", {"anna": False}),
        (7, "video/VP8", {"anna": False}),
    ],
)
def test_with_a_key_what_is_encrypted_can_be_received(
    encryption: Any, mime_type: str, receivable: dict[str, bool]
) -> None:
    track = models.TrackInfo(sid="TR", type=VIDEO, mime_type=mime_type, encryption=encryption)
    for identity, expected in receivable.items():
        info = models.ParticipantInfo(identity=identity)
        found = publication_of(track, info, lambda known: known == "anna")
        assert (found.receivable, found.encrypted) == (expected, bool(encryption))


def test_the_hidden_and_ourselves_are_not_counted_and_stale_news_are_ignored() -> None:
    hidden = models.ParticipantPermission(hidden=True)
    ghost = models.ParticipantInfo(sid="PA_ghost", permission=hidden)
    room = joined(ghost, someone("a", version=5))
    room.update([someone("me"), someone("b")])
    assert room.count == 2
    gone = someone("a", version=4)
    gone.state = State.DISCONNECTED
    room.update([gone])
    assert room.count == 2
    gone.version = 6
    room.update([gone])
    assert room.count == 1


def test_differences_become_events_and_the_same_again_none() -> None:
    events: list[SourceEvent] = []
    receiver = Receiver(events.append)
    one = Publication("TR_1", TrackKind.VIDEO, participant="a")
    two = Publication("TR_2", TrackKind.AUDIO, participant="a")
    louder = Publication("TR_2", TrackKind.AUDIO, participant="a", muted=True)
    receiver.set_publications([one, two])
    receiver.set_publications([one, two])
    receiver.set_publications([louder])
    receiver.set_participant_count(1)
    receiver.set_participant_count(1)
    assert events == [
        PublicationAdded(one),
        PublicationAdded(two),
        PublicationsUpdated(),
        PublicationRemoved("TR_1"),
        PublicationsUpdated(),
        PublicationChanged(louder),
        PublicationsUpdated(),
        ParticipantsChanged(1),
    ]
    assert TrackSource.UNKNOWN is one.source
