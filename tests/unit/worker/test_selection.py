"""What is received while one video takes the place of another; what is missing, since when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.errors import EverybodyMuted, NobodyPublishes, NoMedia, UnsupportedCodec
from orchestrator.media import Publication, TrackKind, TrackSource
from orchestrator.worker.tracks.absence import Absence
from orchestrator.worker.tracks.missing_tracks import ADVICE, START_S
from orchestrator.worker.tracks.selection import STALL_S, TrackSelection
from orchestrator.worker.tracks.selection_policy import MOST_AUDIO, SelectionPolicy
from tests.kit.clocks import HandClock

CAMERA = Publication("camera", TrackKind.VIDEO, TrackSource.CAMERA, "video/vp8", width=640)
SCREEN = Publication("screen", TrackKind.VIDEO, TrackSource.SCREEN_SHARE, "video/vp8", width=640)
MIC = Publication("mic", TrackKind.AUDIO, TrackSource.MICROPHONE, "audio/opus")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def choice(clock: HandClock) -> TrackSelection:
    return TrackSelection(SelectionPolicy(), clock)


def put(choice: TrackSelection, *publications: Publication) -> None:
    for publication in publications:
        choice.put(publication)
    choice.choose()


def remove(choice: TrackSelection, sid: str) -> None:
    choice.remove(sid)
    choice.choose()


def test_the_old_video_stays_until_the_new_one_comes(choice: TrackSelection) -> None:
    put(choice, CAMERA)
    assert choice.takes("camera")
    put(choice, SCREEN)
    assert choice.wanted == {"camera", "screen"}
    assert choice.takes("camera"), "the new one has not come yet"
    assert choice.takes("screen")
    assert not choice.takes("camera")
    assert choice.wanted == {"screen"}
    remove(choice, "screen")
    assert choice.wanted == {"camera"}
    assert choice.takes("camera")


def test_a_muted_video_is_not_waited_with(choice: TrackSelection) -> None:
    put(choice, CAMERA)
    choice.takes("camera")
    put(choice, SCREEN)
    put(choice, replace(CAMERA, muted=True))
    assert choice.wanted == {"screen"}
    assert not choice.takes("camera")


def test_what_is_not_chosen_is_not_taken(choice: TrackSelection) -> None:
    put(choice, CAMERA)
    put(choice, MIC)
    assert choice.wanted == {"camera", "mic"}
    assert not choice.takes("somebody else's")
    assert choice.expects_audio == {"mic"}
    put(choice, replace(MIC, muted=True))
    assert choice.expects_audio == set()
    assert choice.wanted == {"camera", "mic"}, "so that it is there at once when it comes back"


def test_what_is_missing_is_said(choice: TrackSelection, clock: HandClock) -> None:
    def missing() -> tuple[str | None, str | None]:
        choice.look()
        return choice.no_video.reason, choice.no_audio.reason

    assert missing() == (
        "No video is published; black frames are recorded.",
        "No audio is published; silence is recorded.",
    )
    put(choice, CAMERA)
    put(choice, MIC)
    assert missing() == (None, None)
    clock.now += STALL_S + 1
    assert missing() == (
        "No video for 3 s; the last frame is held.",
        "No audio for 3 s; silence is recorded.",
    )
    choice.takes("mic")
    choice.takes("camera")
    assert missing() == (None, None)
    put(choice, replace(CAMERA, muted=True))
    put(choice, replace(MIC, muted=True))
    assert missing() == (
        "The video is muted; black frames are recorded.",
        "All audio is muted; silence is recorded.",
    )
    assert choice.warnings() == list(missing())


def test_a_publication_that_does_not_start_is_warned_of_until_it_does(
    choice: TrackSelection, clock: HandClock
) -> None:
    other = replace(MIC, sid="other", participant="anna")
    put(choice, MIC)
    put(choice, other)
    clock.now += START_S - 0.1
    choice.takes("mic")
    assert choice.missing() == []
    clock.now += 0.1
    choice.look()
    (warning,) = choice.missing()
    assert warning == (
        "Nothing has arrived from microphone audio of 'anna' (OPUS) in 3 s; it is missing in the"
        f" recording. {ADVICE}"
    )
    put(choice, replace(other, muted=True))
    assert choice.missing() == [], "a muted one sends nothing"
    put(choice, other)
    assert choice.missing() == [], "it has its time to begin"
    clock.now += START_S
    choice.takes("mic")
    choice.reconnected()
    assert choice.missing() == [], "a new connection, too"
    clock.now += START_S
    choice.takes("other")
    choice.takes("mic")
    assert choice.not_started() == {}


def test_a_microphone_that_stops_while_another_one_goes_on_is_warned_of(
    choice: TrackSelection, clock: HandClock
) -> None:
    put(choice, MIC)
    put(choice, replace(MIC, sid="other", participant="anna"))
    choice.takes("mic")
    choice.takes("other")
    clock.now += 5
    choice.takes("mic")
    choice.look()
    (warning,) = choice.missing()
    assert warning.startswith("Nothing has arrived from microphone audio of 'anna' (OPUS) for 5 s;")
    assert choice.not_started() == {}
    choice.takes("other")
    assert choice.missing() == []


def test_since_when_is_the_first_moment() -> None:
    absence = Absence()
    absence.look("No video for 2 s")
    since = absence.since
    assert since is not None
    absence.look("No video for 3 s")
    assert absence.since == since
    absence.look(None)
    assert absence.since is None


def test_an_empty_room_is_idle_since_it_is(choice: TrackSelection, clock: HandClock) -> None:
    assert choice.idle_since == 100.0
    put(choice, CAMERA)
    assert choice.idle_since is None
    clock.now = 130.0
    remove(choice, "camera")
    clock.now = 140.0
    remove(choice, "camera")
    assert choice.idle_since == 130.0


def test_everybody_is_muted_when_all_that_could_be_recorded_is(choice: TrackSelection) -> None:
    assert not choice.everybody_muted, "nobody is there"
    put(choice, replace(MIC, muted=True))
    assert choice.everybody_muted
    why = choice.why_nothing("LiveKit")
    assert isinstance(why, EverybodyMuted)
    assert repr(MIC.participant) in why.error
    put(choice, CAMERA)
    assert not choice.everybody_muted
    put(choice, replace(CAMERA, muted=True))
    assert choice.everybody_muted
    put(choice, replace(MIC, sid="another"))
    assert not choice.everybody_muted


def test_more_audio_than_an_offer_holds_is_left_out_and_warned_of(choice: TrackSelection) -> None:
    many = [replace(MIC, sid=f"mic {number}") for number in range(MOST_AUDIO + 2)]
    put(choice, CAMERA, *many[:MOST_AUDIO])
    choice.look()
    assert choice.warnings() == []
    put(choice, *many)
    assert choice.wanted == {"camera", *(each.sid for each in many[:MOST_AUDIO])}
    (warning,) = choice.warnings()
    assert warning == (
        f"Only {MOST_AUDIO} of {MOST_AUDIO + 2} audio tracks are recorded, those published first;"
        " left out: 2."
    )
    put(choice, replace(many[0], mime_type="audio/unknown"))
    remove(choice, "mic 1")
    assert {many[-2].sid, many[-1].sid} <= choice.audio.keys(), "they take the free places"
    put(choice, many[0])
    assert many[0].sid not in choice.audio, "what is recorded stays"
    assert len(choice.audio) == MOST_AUDIO


def test_why_nothing_came(choice: TrackSelection) -> None:
    assert isinstance(choice.why_nothing("LiveKit"), NobodyPublishes)
    put(choice, MIC)
    assert isinstance(choice.why_nothing("LiveKit"), NoMedia)
    put(choice, replace(CAMERA, mime_type="video/h266"))
    assert isinstance(choice.why_nothing("LiveKit"), UnsupportedCodec)
    assert choice.unsupported is not None
    choice.takes("camera")
    assert choice.unsupported is None, "a backup codec came"
