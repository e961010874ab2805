"""One picture by rank, all sound; words and their aliases."""

from __future__ import annotations

import av
import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.media import Publication, TrackKind, TrackSource
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.recordings.capture import canvas_for
from orchestrator.recordings.policy import Policy, choose_audio, codec_name
from orchestrator.recordings.request import QUALITIES, bits, format_named, quality_named


def video(sid: str, **more: object) -> Publication:
    known: dict[str, object] = {"mime_type": "video/vp8", "width": 640, "height": 360}
    return Publication(sid, TrackKind.VIDEO, **(known | more))  # type: ignore[arg-type]


SMALL, LARGE = video("small", width=320, height=180), video("large", width=1280, height=720)
SHARED = video("shared", source=TrackSource.SCREEN_SHARE, width=100, height=100)
MUTED = video("muted", muted=True, width=3840, height=2160)
VP9 = video("vp9", mime_type="video/vp9", width=3840, height=2160)


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ([], None),
        ([SMALL, LARGE], LARGE),
        ([LARGE, SHARED], SHARED),
        ([MUTED, SMALL], SMALL),
        ([MUTED], MUTED),
        ([VP9, SMALL], SMALL),
        ([VP9, MUTED], MUTED),
        ([VP9], VP9),
    ],
)
def test_which_picture_is_recorded(there: list[Publication], chosen: Publication | None) -> None:
    assert Policy().choose_video(there) == chosen
    assert Policy().choose_video(there[::-1]) == chosen


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
    assert Policy(words, host).choose_video(there) == chosen
    assert Policy(words, host).choose_video(there[::-1]) == chosen


def test_of_equals_the_one_that_is_recorded_stays() -> None:
    twins = [video("a"), video("b")]
    for current in ("a", "b"):
        found = Policy().choose_video(twins, current)
        assert found is not None
        assert found.sid == current


def test_all_sound_that_can_be_received_is_recorded() -> None:
    opus = Publication("a", TrackKind.AUDIO, mime_type="audio/opus")
    red = Publication("b", TrackKind.AUDIO, mime_type="audio/red", muted=True)
    secret = Publication("c", TrackKind.AUDIO, mime_type="audio/opus", encrypted=True)
    assert choose_audio([opus, SMALL, red, secret]) == [opus, red]
    assert codec_name(secret) == "end-to-end encrypted media"
    assert codec_name(VP9) == "VP9"


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
    publication = video("v", width=announced[0], height=announced[1])
    found = canvas_for(publication, av.VideoFrame(*frame, "yuv420p"))
    assert found == CanvasSize(*canvas)


def test_formats_and_qualities() -> None:
    assert [format_named(n) for n in (None, "mp4", "h264", "vp9")] == ["av1", "mp4", "mp4", "webm"]
    assert quality_named("best", "video_quality") == "high"
    with pytest.raises(InvalidRequest, match=r"Unknown output_format: 'avi' Use one of: av1, mp4"):
        format_named("avi")
    with pytest.raises(InvalidRequest, match="Unknown audio_quality"):
        quality_named("", "audio_quality")
    assert bits("2M") == 2_000_000
    assert QUALITIES["low"].video_bps == 500_000
    assert QUALITIES["medium"].audio_bps == 96_000
