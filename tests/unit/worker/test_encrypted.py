"""Encrypted publications in a room: what is recorded, what is said, and when that is over."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from unittest.mock import Mock

import pytest

from orchestrator.errors import EndToEndEncrypted, HavenError, NoMedia
from orchestrator.media import EncodedFrame, Encryption, Publication, TrackKind, TrackSource
from orchestrator.sources.source import (
    EncodedFrameReceived,
    PublicationAdded,
    PublicationsUpdated,
    Undecryptable,
)
from orchestrator.stream_copy.containers import CONTAINERS
from orchestrator.stream_copy.packet_queue import PacketQueue
from orchestrator.worker.first_frame import UNBEGUN_WAIT_S, until_first_frame
from orchestrator.worker.tracks.copied_capture import CopiedCapture
from orchestrator.worker.tracks.missing_tracks import START_S
from orchestrator.worker.tracks.selection import TrackSelection
from orchestrator.worker.tracks.selection_policy import SelectionPolicy
from tests.kit.catalog.rows import recording
from tests.kit.clocks import HandClock

GCM = Encryption.GCM
CAMERA = Publication("camera", TrackKind.VIDEO, TrackSource.CAMERA, "video/vp8", "anna", width=640)
SCREEN = Publication("screen", TrackKind.VIDEO, TrackSource.SCREEN_SHARE, "video/vp8", "ben")
MIC = Publication("mic", TrackKind.AUDIO, TrackSource.MICROPHONE, "audio/opus", "anna")
LOCKED = {"encryption": GCM}
WITH_KEY = {"encryption": GCM, "has_key": True}
WHY = "the key that is given for it (key_index 0) is not the right one"


def room(*publications: Publication) -> TrackSelection:
    selection = TrackSelection(SelectionPolicy())
    for each in publications:
        selection.put(each)
    selection.choose()
    return selection


def wrong_key(selection: TrackSelection, sid: str) -> None:
    problem = EndToEndEncrypted(f"{sid} {WHY}")
    assert selection.refuse(sid, problem)
    assert not selection.refuse(sid, problem), "it is said once"
    selection.choose()


def encrypted(publication: Publication, **how: object) -> Publication:
    return replace(publication, **how)  # type: ignore[arg-type]


def test_without_a_key_nothing_can_be_recorded_and_that_is_the_error() -> None:
    selection = room(encrypted(CAMERA, **LOCKED), encrypted(MIC, **LOCKED))
    assert not selection.audio
    why = selection.encrypted
    assert why is not None
    assert why.error.count("is end-to-end encrypted, and no key is given for it") == 2
    assert selection.unsupported is None, "no codec would help"
    assert selection.why_nothing("x").error == why.error
    assert "Camera video of 'anna' (VP8)" in why.error


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"encryption": Encryption.CUSTOM, "has_key": True}, "a way of its application's own"),
        ({**WITH_KEY, "mime_type": "video/av1"}, "AV1 can't be encrypted by LiveKit's clients"),
    ],
)
def test_what_no_key_can_decrypt_is_said(how: dict[str, object], words: str) -> None:
    selection = room(encrypted(CAMERA, **how))
    assert words in selection.why_nothing("x").error


def test_muted_ones_are_no_reason_to_wait_and_no_help() -> None:
    muted = replace(MIC, muted=True)
    assert room(encrypted(CAMERA, **LOCKED), muted).encrypted is not None
    assert room(encrypted(CAMERA, **LOCKED, muted=True), muted).encrypted is None
    assert room(encrypted(CAMERA, **WITH_KEY)).encrypted is None


def test_what_can_be_decrypted_is_recorded_and_the_rest_is_a_warning() -> None:
    selection = room(encrypted(CAMERA, **LOCKED), MIC)
    assert selection.encrypted is None
    assert selection.unsupported is None, "audio alone is recorded"
    assert selection.audio.keys() == {"mic"}
    (warning,) = [each for each in selection.warnings() if "encrypted" in each]
    assert "no key is given for it: nothing of it is recorded" in warning
    selection.look()
    assert selection.no_video.reason == warning


def test_a_video_with_a_wrong_key_gives_way_and_is_waited_for() -> None:
    selection = room(encrypted(SCREEN, **WITH_KEY), encrypted(CAMERA, **WITH_KEY))
    assert selection.video is not None
    assert selection.video.sid == "screen"
    wrong_key(selection, "screen")
    assert selection.video.sid == "camera"
    assert selection.wanted == {"camera", "screen"}
    assert any(f"screen {WHY}" in each for each in selection.warnings())
    assert not selection.takes("screen") or selection.video.sid == "screen"


def test_a_frame_ends_it() -> None:
    selection = room(encrypted(SCREEN, **WITH_KEY), encrypted(CAMERA, **WITH_KEY))
    wrong_key(selection, "screen")
    assert not selection.decrypted("camera")
    assert selection.decrypted("screen")
    selection.choose()
    assert selection.video is not None
    assert selection.video.sid == "screen"
    assert not [each for each in selection.warnings() if "key" in each]


def test_audio_with_a_wrong_key_stays_subscribed_to() -> None:
    selection = room(encrypted(MIC, **WITH_KEY))
    wrong_key(selection, "mic")
    assert selection.wanted == {"mic"}
    assert selection.encrypted is not None
    selection.remove("mic")
    selection.choose()
    assert selection.encrypted is None


def test_a_wrong_key_is_the_error_though_nothing_came_of_another_track() -> None:
    selection = room(encrypted(CAMERA, **WITH_KEY), encrypted(MIC, **WITH_KEY))
    wrong_key(selection, "mic")
    assert selection.encrypted is None, "the camera's frames may tell"
    for why in (selection.encrypted_so_far, selection.why_nothing("x")):
        assert isinstance(why, EndToEndEncrypted)
        assert f"mic {WHY}" in why.error
    end = selection.why_nothing("x").error
    assert end.endswith("No frame arrived of camera video of 'anna' (VP8).")


def test_a_track_whose_frames_come_is_waited_for_and_named_in_the_end() -> None:
    selection = room(encrypted(CAMERA, **WITH_KEY), encrypted(MIC, **WITH_KEY))
    wrong_key(selection, "mic")
    selection.fails("camera")
    assert selection.encrypted_so_far is None
    assert "none of its frames could be decrypted so far" in selection.why_nothing("x").error


@pytest.mark.parametrize("came", [True, False])
def test_what_needs_no_key_is_waited_for(came: bool) -> None:
    selection = room(CAMERA, encrypted(MIC, **WITH_KEY))
    wrong_key(selection, "mic")
    if came:
        assert selection.takes("camera")
    assert selection.encrypted_so_far is None


def test_nothing_that_came_at_all_is_no_matter_of_keys() -> None:
    selection = room(encrypted(CAMERA, **WITH_KEY), encrypted(MIC, **WITH_KEY))
    assert selection.encrypted_so_far is None
    assert isinstance(selection.why_nothing("x"), NoMedia)


def copied(note: Mock) -> CopiedCapture:
    """A capture of every track."""
    return CopiedCapture(
        PacketQueue(2**20),
        SelectionPolicy(),
        origin_ns=None,
        container=CONTAINERS["mkv"],
        every_track=True,
        note=note,
    )


async def test_encrypted_frames_that_come_are_not_called_missing() -> None:
    note, clock = Mock(), HandClock()
    capture = copied(note)
    capture.selection.arrivals._clock = clock
    for each in (MIC, CAMERA):
        capture.on_event(PublicationAdded(encrypted(each, **WITH_KEY)))
    capture.on_event(PublicationsUpdated())
    clock.now += 2 * START_S
    capture.on_event(Undecryptable("mic", None))
    assert not any("icrophone" in each for each in capture.selection.missing())
    capture.look()
    assert [call.kwargs.get("track") for call in note.call_args_list[2:]] == ["camera"]
    capture.on_event(Undecryptable("camera", None))
    capture.on_event(Undecryptable("camera", WHY))
    capture.look()
    kinds = [call.args[0] for call in note.call_args_list[2:]]
    assert kinds == ["missing", "undecryptable", "gap_ended"], "nothing of it arrives in the file"
    assert WHY in note.call_args_list[-1].args[1]


async def test_at_the_end_nothing_is_missing_that_was_there() -> None:
    capture, clock = copied(Mock()), HandClock()
    capture.selection._clock = capture.selection.arrivals._clock = clock
    capture.on_event(PublicationAdded(CAMERA))
    capture.on_event(PublicationsUpdated())
    capture.on_event(
        EncodedFrameReceived("camera", 0, EncodedFrame("vp8", b"x", True, 0, 640, 360))
    )
    capture.look()
    capture.finish()
    clock.now += 2 * START_S
    capture.look()
    assert capture.figures().video.no_video_reason is None
    assert not [each for each in capture.warnings() if "video" in each]


async def test_a_start_that_can_record_nothing_ends_soon_though_a_track_never_comes() -> None:
    capture, row = copied(Mock()), recording("a", "room")
    row.started_at, row.stream = None, {"discovery": "livekit"}
    for each in (MIC, CAMERA):
        capture.on_event(PublicationAdded(encrypted(each, **WITH_KEY)))
    capture.on_event(PublicationsUpdated())
    capture.on_event(Undecryptable("mic", WHY))
    stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    began_s = time.monotonic()
    with pytest.raises(EndToEndEncrypted, match="not the right one"):
        await until_first_frame(row, capture, stop, timeout_s=30)
    assert UNBEGUN_WAIT_S <= time.monotonic() - began_s < 10


async def test_it_is_noted_when_it_begins_and_when_it_ends() -> None:
    note = Mock()
    capture = copied(note)
    capture.on_event(PublicationAdded(encrypted(CAMERA, **WITH_KEY)))
    capture.on_event(PublicationAdded(encrypted(MIC, **LOCKED)))
    capture.on_event(PublicationsUpdated())
    for _ in range(2):
        capture.on_event(Undecryptable("camera", WHY))
    capture.on_event(Undecryptable("nobody", WHY))
    error: HavenError | None = capture.selection.encrypted
    assert error is not None
    frame = EncodedFrame("vp8", b"x", True, 0, 64, 48)
    for number in range(2):
        capture.on_event(EncodedFrameReceived("camera", number, frame))
    assert capture.selection.encrypted is None
    kinds = [call.args[0] for call in note.call_args_list]
    assert kinds == ["published", "published", "undecryptable", "undecryptable", "decrypted"]
    assert WHY in note.call_args_list[3].args[1]
