"""One video by rank, all audio; words and their aliases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.media import Encryption, Publication, TrackKind, TrackSource
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.recordings.start_request import QUALITIES, bits, quality_named
from orchestrator.sources.aiortc.sdp import MOST_MEDIA
from orchestrator.sources.livekit.room import MOST_TRACKS
from orchestrator.worker.tracks.canvas_policy import canvas_for
from orchestrator.worker.tracks.selection_policy import (
    MOST_AUDIO,
    SelectionPolicy,
    choose_audio,
    codec_name,
    receivable_audio,
)


def video(sid: str, **more: object) -> Publication:
    known: dict[str, object] = {"mime_type": "video/vp8", "width": 640, "height": 360}
    return Publication(sid, TrackKind.VIDEO, **(known | more))  # type: ignore[arg-type]


SMALL, LARGE = video("small", width=320, height=180), video("large", width=1280, height=720)
SHARED = video("shared", source=TrackSource.SCREEN_SHARE, width=100, height=100)
MUTED = video("muted", muted=True, width=3840, height=2160)
H266 = video("h266", mime_type="video/h266", width=3840, height=2160)


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ([], None),
        ([SMALL, LARGE], LARGE),
        ([LARGE, SHARED], SHARED),
        ([MUTED, SMALL], SMALL),
        ([MUTED], MUTED),
        ([H266, SMALL], SMALL),
        ([H266, MUTED], MUTED),
        ([H266], H266),
    ],
)
def test_which_video_is_recorded(there: list[Publication], chosen: Publication | None) -> None:
    assert SelectionPolicy().choose_video(there) == chosen
    assert SelectionPolicy().choose_video(there[::-1]) == chosen


EARLY = video("early", participant="early", joined_at_ms=1000, source=TrackSource.CAMERA)
LATE = video("late", participant="late", joined_at_ms=2000, width=1920, height=1080)
SCREEN = video("screen", participant="late", joined_at_ms=2000, source=TrackSource.SCREEN_SHARE)


@pytest.mark.parametrize(
    ("words", "host", "chosen"),
    [
        (["screen_share", "host", "largest"], None, SCREEN),
        (["host"], None, EARLY),
        (["host", "screen_share"], "late", SCREEN),
        (["host", "largest"], "late", LATE),
        (["host"], "somebody who is not there", EARLY),
        (["camera", "largest"], None, EARLY),
        (["largest"], None, LATE),
    ],
)
def test_the_words_of_the_policy(words: list[str], host: str | None, chosen: Publication) -> None:
    there = [EARLY, LATE, SCREEN]
    assert SelectionPolicy(words, host).choose_video(there) == chosen
    assert SelectionPolicy(words, host).choose_video(there[::-1]) == chosen


def test_of_equals_the_one_that_is_recorded_stays() -> None:
    twins = [video("a"), video("b")]
    for current in ("a", "b"):
        found = SelectionPolicy().choose_video(twins, current)
        assert found is not None
        assert found.sid == current


def test_all_audio_that_can_be_received_is_recorded() -> None:
    opus = Publication("a", TrackKind.AUDIO, mime_type="audio/opus")
    red = Publication("b", TrackKind.AUDIO, mime_type="audio/red", muted=True)
    secret = Publication("c", TrackKind.AUDIO, mime_type="audio/opus", encryption=Encryption.GCM)
    assert receivable_audio([opus, SMALL, red, secret]) == [opus, red]
    with_key = replace(secret, sid="d", has_key=True)
    assert receivable_audio([secret, with_key]) == [with_key]
    assert codec_name(H266) == "H266"


def test_an_offer_has_room_for_all_that_is_subscribed_to() -> None:
    videos, data = 2, 1  # the previous video stays until the next arrives
    assert MOST_AUDIO + videos + data <= MOST_MEDIA
    audio = [
        Publication(str(number), TrackKind.AUDIO, mime_type="audio/opus")
        for number in range(MOST_TRACKS)
    ]
    assert choose_audio(audio) == audio[:MOST_AUDIO]
    assert choose_audio(audio, {audio[-1].sid}) == [audio[-1], *audio[: MOST_AUDIO - 1]]


@pytest.mark.parametrize(
    ("announced", "frame", "canvas"),
    [
        ((1280, 720), (320, 180), (1280, 720)),
        ((1280, 720), (1280, 720), (1280, 720)),
        ((1280, 720), (360, 640), (360, 640)),
        ((0, 0), (641, 359), (642, 360)),
        ((320, 180), (1280, 720), (1280, 720)),
    ],
)
def test_the_canvas(
    announced: tuple[int, int], frame: tuple[int, int], canvas: tuple[int, int]
) -> None:
    assert canvas_for(frame, announced) == CanvasSize(*canvas)


def test_qualities() -> None:
    assert quality_named("best", "video_quality") == "high"
    with pytest.raises(InvalidRequest, match="Unknown audio_quality"):
        quality_named("", "audio_quality")
    assert bits("2M") == 2_000_000
    assert QUALITIES["low"].video_bps == 500_000
    assert QUALITIES["medium"].audio_bps == 96_000
