"""One picture by rank, all sound; words and their aliases."""

from __future__ import annotations

import av
import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.media import Publication, TrackKind, TrackSource
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.recordings.capture import canvas_for
from orchestrator.recordings.policy import choose_audio, choose_video, codec_name
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
    assert choose_video(there) == chosen
    assert choose_video(there[::-1]) == chosen


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
