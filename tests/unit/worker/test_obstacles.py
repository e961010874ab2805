"""Whether what is announced could be recorded: the words are those of recordings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.errors import (
    EndToEndEncrypted,
    EverybodyMuted,
    HavenError,
    NobodyPublishes,
    UnsupportedCodec,
    VideoTooLarge,
)
from orchestrator.media import Encryption, Publication, TrackKind, TrackSource
from orchestrator.worker.tracks.obstacles import obstacle_of, selection_of, start_obstacle
from orchestrator.worker.tracks.selection_policy import SelectionPolicy

MOST = 1920 * 1080
CAMERA = Publication(
    "v", TrackKind.VIDEO, TrackSource.CAMERA, "video/vp8", "anna", width=1280, height=720
)
MICROPHONE = Publication("a", TrackKind.AUDIO, TrackSource.MICROPHONE, "audio/opus", "anna")
LARGE = replace(CAMERA, width=3840, height=2160)
UNKNOWN = replace(CAMERA, mime_type="video/evc1")
LOCKED = replace(CAMERA, encryption=Encryption.GCM)
MUTED = replace(CAMERA, muted=True)


@pytest.mark.parametrize(
    ("publication", "kind", "said"),
    [
        (CAMERA, None, ""),
        (MUTED, None, ""),
        (replace(MICROPHONE, width=9999, height=9999), None, ""),
        (LARGE, VideoTooLarge, "3840x2160"),
        (UNKNOWN, UnsupportedCodec, "EVC1"),
        (LOCKED, EndToEndEncrypted, "no key is given"),
        (replace(LOCKED, has_key=True), None, ""),
        (replace(LOCKED, encryption=Encryption.CUSTOM, has_key=True), EndToEndEncrypted, "own"),
    ],
)
def test_why_a_track_can_t_be_recorded(
    publication: Publication, kind: type[HavenError] | None, said: str
) -> None:
    obstacle = obstacle_of(publication, MOST)
    assert type(obstacle) is (kind or type(None))
    assert said in (obstacle.error if obstacle else "")


@pytest.mark.parametrize(
    ("publications", "kind"),
    [
        ([CAMERA, MICROPHONE], None),
        ([MICROPHONE], None),
        ([MUTED, MICROPHONE], None),
        ([LARGE, MICROPHONE], None),
        ([LOCKED, MICROPHONE], None),
        ([], NobodyPublishes),
        ([LARGE], VideoTooLarge),
        ([LARGE, replace(MICROPHONE, muted=True)], VideoTooLarge),
        ([UNKNOWN], UnsupportedCodec),
        ([LOCKED], EndToEndEncrypted),
        ([MUTED, replace(MICROPHONE, muted=True)], EverybodyMuted),
        ([replace(CAMERA, muted=True), replace(UNKNOWN, sid="w")], EverybodyMuted),
    ],
)
def test_why_a_start_would_record_nothing(
    publications: list[Publication], kind: type[HavenError] | None
) -> None:
    selection = selection_of(publications, SelectionPolicy(), MOST)
    assert type(start_obstacle(selection, "LiveKit")) is (kind or type(None))
