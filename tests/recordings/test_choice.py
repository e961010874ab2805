"""What is received while one picture takes the place of another; what is missing, since when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.errors import NobodyPublishes, NoMedia, UnsupportedCodec
from orchestrator.media import Publication, TrackKind, TrackSource
from orchestrator.recordings.choice import STALL_S, Absence, Choice
from orchestrator.recordings.policy import Policy
from tests.clocks import HandClock

CAMERA = Publication("camera", TrackKind.VIDEO, TrackSource.CAMERA, "video/vp8", width=640)
SCREEN = Publication("screen", TrackKind.VIDEO, TrackSource.SCREEN_SHARE, "video/vp8", width=640)
MIC = Publication("mic", TrackKind.AUDIO, TrackSource.MICROPHONE, "audio/opus")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def choice(clock: HandClock) -> Choice:
    return Choice(Policy(), clock)


def test_the_old_picture_stays_until_the_new_one_comes(choice: Choice) -> None:
    choice.put(CAMERA)
    assert choice.takes("camera")
    choice.put(SCREEN)
    assert choice.wanted == {"camera", "screen"}
    assert choice.takes("camera"), "the new one has not come yet"
    assert choice.takes("screen")
    assert not choice.takes("camera")
    assert choice.wanted == {"screen"}
    choice.remove("screen")
    assert choice.wanted == {"camera"}
    assert choice.takes("camera")


def test_a_muted_picture_is_not_waited_with(choice: Choice) -> None:
    choice.put(CAMERA)
    choice.takes("camera")
    choice.put(SCREEN)
    choice.put(replace(CAMERA, muted=True))
    assert choice.wanted == {"screen"}
    assert not choice.takes("camera")


def test_what_is_not_chosen_is_not_taken(choice: Choice) -> None:
    choice.put(CAMERA)
    choice.put(MIC)
    assert choice.wanted == {"camera", "mic"}
    assert not choice.takes("somebody else's")
    assert choice.expects_audio == {"mic"}
    choice.put(replace(MIC, muted=True))
    assert choice.expects_audio == set()
    assert choice.wanted == {"camera", "mic"}, "so that it is there at once when it comes back"


def test_what_is_missing_is_said(choice: Choice, clock: HandClock) -> None:
    def missing() -> tuple[str | None, str | None]:
        choice.look()
        return choice.no_picture.reason, choice.no_sound.reason

    assert missing() == (
        "No video is published; the picture is black.",
        "No audio is published; there is silence.",
    )
    choice.put(CAMERA)
    choice.put(MIC)
    assert missing() == (None, None)
    clock.now += STALL_S + 1
    assert missing() == (
        "No picture for 3 s; the last one is held.",
        "No sound for 3 s; there is silence.",
    )
    choice.takes("mic")
    choice.takes("camera")
    assert missing() == (None, None)
    choice.put(replace(CAMERA, muted=True))
    choice.put(replace(MIC, muted=True))
    assert missing() == (
        "The video is muted; the picture is black.",
        "All audio is muted; there is silence.",
    )
    assert choice.warnings() == list(missing())


def test_since_when_is_the_first_moment() -> None:
    absence = Absence()
    absence.look("No picture for 2 s")
    since = absence.since
    assert since is not None
    absence.look("No picture for 3 s")
    assert absence.since == since
    absence.look(None)
    assert absence.since is None


def test_an_empty_room_is_idle_since_it_is(choice: Choice, clock: HandClock) -> None:
    assert choice.idle_since == 100.0
    choice.put(CAMERA)
    assert choice.idle_since is None
    clock.now = 130.0
    choice.remove("camera")
    clock.now = 140.0
    choice.remove("camera")
    assert choice.idle_since == 130.0


def test_why_nothing_came(choice: Choice) -> None:
    assert isinstance(choice.why_nothing("LiveKit"), NobodyPublishes)
    choice.put(MIC)
    assert isinstance(choice.why_nothing("LiveKit"), NoMedia)
    choice.put(replace(CAMERA, mime_type="video/vp9"))
    assert isinstance(choice.why_nothing("LiveKit"), UnsupportedCodec)
    assert choice.unsupported is not None
    choice.takes("camera")
    assert choice.unsupported is None, "a backup codec came"
