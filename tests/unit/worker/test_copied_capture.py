"""Which frames of a copied room go into which track of its file, and what is said of the others."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from orchestrator.errors import NobodyPublishes, NoMedia, StoppedWhileStarting, UnsupportedCodec
from orchestrator.media import EncodedFrame, Publication, TrackKind, TrackSource
from orchestrator.pausing import PauseMode
from orchestrator.sources.source import (
    EncodedFrameReceived,
    NoKeyframe,
    PublicationAdded,
    PublicationRemoved,
    PublicationsUpdated,
)
from orchestrator.stream_copy import matroska
from orchestrator.stream_copy.containers import CONTAINERS
from orchestrator.stream_copy.matroska import TrackEntry
from orchestrator.stream_copy.packet_queue import PacketQueue
from orchestrator.stream_copy.track import Track
from orchestrator.worker.first_frame import until_first_frame
from orchestrator.worker.tracks.copied_capture import ASK_AGAIN_S, CopiedCapture
from orchestrator.worker.tracks.file_tracks import MOST, NAME_BYTES, track_name
from orchestrator.worker.tracks.selection_policy import SelectionPolicy
from orchestrator.worker.tracks.undecodable_spans import UndecodableSpans
from tests.kit.catalog.rows import NOON, recording

CAMERA = Publication("cam", TrackKind.VIDEO, TrackSource.CAMERA, "video/vp8", participant="a")
SCREEN = Publication(
    "screen", TrackKind.VIDEO, TrackSource.SCREEN_SHARE, "video/h264", participant="b"
)
MICROPHONE = Publication(
    "mic", TrackKind.AUDIO, TrackSource.MICROPHONE, "audio/red", participant="a"
)
KEYFRAME = EncodedFrame("vp8", b"key", True, 0, 640, 360)
NOTES: list[tuple[str, str]] = []


@pytest.fixture(autouse=True)
def notes() -> list[tuple[str, str]]:
    NOTES.clear()
    return NOTES


def note(kind: str, message: str, **_: object) -> None:
    NOTES.append((kind, message))


def capture(word: str = "mkv", *, every_track: bool = False) -> CopiedCapture:
    container = CONTAINERS[word]
    policy = SelectionPolicy(every_video=every_track, codecs=container.codecs)
    return CopiedCapture(
        PacketQueue(),
        policy,
        origin_ns=None,
        container=container,
        every_track=every_track,
        note=note,
    )


def publish(to: CopiedCapture, *publications: Publication) -> None:
    for publication in publications:
        to.on_event(PublicationAdded(publication))
    to.on_event(PublicationsUpdated())


def names(of: CopiedCapture) -> list[str]:
    return [f"{track.name} {track.codec}" for track in of.tracks.known()]


async def test_audio_that_is_published_with_redundancy_comes_as_opus() -> None:
    webm = capture("webm")
    publish(webm, CAMERA, MICROPHONE)
    assert webm.cannot_hold() is None
    assert not webm.left_out.is_set()


async def test_what_the_container_cant_hold_is_told_with_those_that_can() -> None:
    webm = capture("webm")
    publish(webm, SCREEN, MICROPHONE)
    assert webm.left_out.is_set()
    refused = webm.cannot_hold()
    assert isinstance(refused, UnsupportedCodec)
    assert refused.error == ("The webm file can't hold the screen_share video of 'b' (H264).")
    assert refused.detail == "Start it again with another output_format: mkv or mp4."


async def test_of_several_videos_one_is_recorded_that_the_container_holds() -> None:
    webm = capture("webm")
    publish(webm, SCREEN, CAMERA)
    assert webm.wanted == {"cam"}
    assert webm.cannot_hold() is None
    assert not webm.left_out.is_set()
    why = "The webm file can't hold the screen_share video of 'b' (H264)."
    assert f"{why} Nothing of it is recorded." in webm.warnings()
    webm.on_event(PublicationRemoved("screen"))
    assert not any("can't hold" in each for each in webm.warnings())


async def test_every_video_has_to_fit_where_all_are_recorded() -> None:
    webm = capture("webm", every_track=True)
    publish(webm, SCREEN, CAMERA)
    assert isinstance(webm.cannot_hold(), UnsupportedCodec)


async def test_a_video_without_a_keyframe_is_warned_of_until_one_comes() -> None:
    mkv = capture()
    publish(mkv, CAMERA)
    mkv.on_event(NoKeyframe("cam"))
    (warning,) = [each for each in mkv.warnings() if each.startswith("No keyframe comes of the")]
    assert "camera video of 'a' (VP8)" in warning
    assert isinstance(mkv.cannot_hold(), NoMedia)
    mkv.on_event(EncodedFrameReceived("cam", 10**9, KEYFRAME))
    assert not any(each.startswith("No keyframe") for each in mkv.warnings())
    assert [kind for kind, _ in NOTES] == ["published", "no_keyframe", "keyframe", "video"]
    mkv.on_event(NoKeyframe("unknown"))
    assert len(NOTES) == 4


async def test_a_track_that_no_player_could_decode_is_warned_of_until_the_file_has_it() -> None:
    mkv = capture()
    publish(mkv, CAMERA, MICROPHONE)
    mkv.on_event(EncodedFrameReceived("cam", 10**9, KEYFRAME))
    assert mkv.cannot_write() is None
    (video,) = mkv.tracks.known()
    for _ in range(2):
        mkv.left_out_by_writer({video: "its parameter sets can't be read"}, frozenset())
    why = mkv.cannot_write()
    assert isinstance(why, NoMedia)
    assert "camera video of 'a' (VP8)" in why.error
    assert "its parameter sets can't be read" in why.error
    assert [kind for kind, _ in NOTES].count("left_out") == 1
    assert why.error in mkv.warnings()
    mkv.left_out_by_writer({}, frozenset({video}))
    assert mkv.cannot_write() is None
    assert why.error not in mkv.warnings()


async def test_a_file_has_one_video_track_where_one_video_is_recorded() -> None:
    mkv = capture()
    publish(mkv, CAMERA)
    mkv.on_event(EncodedFrameReceived("cam", 10**9, KEYFRAME))
    assert names(mkv) == ["video vp8"]
    publish(mkv, SCREEN)
    mkv.on_event(EncodedFrameReceived("screen", 2 * 10**9, replace(KEYFRAME, codec="h264")))
    mkv.tracks.begin_part()
    assert names(mkv) == ["video h264"], "the camera is still there, and may be shown again"
    vp8 = Track("video", TrackKind.VIDEO, "vp8")
    assert not mkv.tracks.may_add(vp8, frozenset(mkv.tracks.known()))


async def test_the_size_told_is_that_of_the_first_video() -> None:
    mkv = capture(every_track=True)
    publish(mkv, CAMERA, replace(CAMERA, sid="other", participant="z", joined_at_ms=9))
    for sid, width in (("cam", 640), ("other", 320)):
        frame = replace(KEYFRAME, width=width, height=180)
        mkv.on_event(EncodedFrameReceived(sid, 10**9, frame))
    assert mkv.selection.video is not None
    shown = {"cam": 640, "other": 320}[mkv.selection.video.sid]
    assert mkv.figures().video.width == shown
    assert names(mkv) == ["a camera vp8", "z camera vp8"]


def test_spans_of_left_out_frames_are_noted_from_when_to_when() -> None:
    spans = UndecodableSpans(note)
    for count, at_s in ((0, 1), (4, 2), (9, 3), (9, 4), (9, 5), (9, 6), (9, 7), (11, 20)):
        spans.look(count, at_s)
    spans.end()
    spans.end()
    assert [message for _, message in NOTES] == [
        "Frames of video are left out from 2.0 s on, until a keyframe comes:"
        " one that they need is missing.",
        "9 frames of video were left out from 2.0 s to 3.0 s: one that they need is missing.",
        "Frames of video are left out from 20.0 s on, until a keyframe comes:"
        " one that they need is missing.",
        "2 frames of video were left out from 20.0 s to 20.0 s: one that they need is missing.",
    ]


async def test_a_recording_that_is_resumed_goes_on_without_what_its_file_cant_hold() -> None:
    row = recording("a", started_at=NOON, stream={"discovery": "livekit"})
    stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    webm = capture("webm")
    publish(webm, SCREEN, MICROPHONE)
    waiting = asyncio.create_task(until_first_frame(row, webm, stop, 5))
    opus = EncodedFrame("opus", b"\xfc", duration_ns=20_000_000)
    for at_s in (1, 5):
        webm.on_event(EncodedFrameReceived("mic", at_s * 10**9, opus))
    await waiting
    begins = recording("b", stream={"discovery": "livekit"})
    with pytest.raises(UnsupportedCodec):
        await until_first_frame(begins, refused_at_once(), stop, 5)


async def test_a_recording_that_is_resumed_waits_while_all_are_muted_or_gone() -> None:
    """The first frame of a new recording may not take so long, nor that of one who sends."""
    row = recording("a", started_at=NOON, stream={"discovery": "livekit"})
    stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    empty, muted, sends = capture("webm"), capture("webm"), capture("webm")
    publish(muted, replace(MICROPHONE, muted=True))
    publish(sends, MICROPHONE)
    waiting = [
        asyncio.create_task(until_first_frame(row, each, stop, 0.2)) for each in (empty, muted)
    ]
    with pytest.raises(NoMedia):
        await until_first_frame(row, sends, stop, 0.2)
    assert not any(each.done() for each in waiting)
    publish(muted, MICROPHONE)
    with pytest.raises(NoMedia):
        await waiting[1]
    with pytest.raises(NobodyPublishes):
        await until_first_frame(recording("b", stream={"discovery": "x"}), empty, stop, 0.2)
    assert not waiting[0].done()
    stop.set_result("nothing was published for 60 s")
    with pytest.raises(StoppedWhileStarting):
        await waiting[0]


def refused_at_once() -> CopiedCapture:
    webm = capture("webm")
    publish(webm, SCREEN, MICROPHONE)
    return webm


async def test_a_room_with_more_tracks_than_a_file_has_doesnt_end_its_files() -> None:
    mkv = capture(every_track=True)
    microphones = [replace(MICROPHONE, sid=f"mic{n}", participant=f"p{n}") for n in range(MOST + 1)]
    publish(mkv, *microphones)
    frame = EncodedFrame("opus", b"\xfc\0", duration_ns=20_000_000)
    for _ in range(2):
        for each in microphones:
            mkv.on_event(EncodedFrameReceived(each.sid, 0, frame))
    assert len(mkv.tracks.known()) == MOST
    (why,) = (message for kind, message in NOTES if kind == "left_out")
    assert why in mkv.warnings()
    assert "'p100'" in why
    mkv.on_event(PublicationRemoved("mic0"))
    mkv.on_event(EncodedFrameReceived("mic100", 20_000_000, frame))
    assert why not in mkv.warnings()
    assert len(mkv.tracks.known()) == MOST + 1, "the writer ends the file for it"


def test_a_file_has_room_for_all_its_tracks_whatever_their_names() -> None:
    sources = (TrackSource.SCREEN_SHARE, TrackSource.MICROPHONE)
    for who in ("x" * 10_000, "\u4f60" * 10_000, "al\0ice\n\x1b[31m"):
        for source in sources:
            name = track_name(replace(MICROPHONE, participant=who, source=source))
            assert name.isprintable()
            assert len(name.encode()) <= NAME_BYTES
            assert name.endswith(str(source).replace("_", " "))
    tracks = [Track("x" * NAME_BYTES, TrackKind.VIDEO, "h264") for _ in range(MOST)]
    matroska.tracks([TrackEntry(each, 100, bytes(60), 1920, 1080) for each in tracks])


async def test_behind_a_pause_a_keyframe_is_asked_for_again_while_frames_come_without_one() -> None:
    copied = capture()
    publish(copied, CAMERA)
    delta = EncodedFrame("vp8", b"delta", keyframe=False)
    at_ns = time.monotonic_ns()

    def asked(frame: EncodedFrame, after_ms: int) -> bool:
        copied.keyframes_wanted.clear()
        copied.on_event(EncodedFrameReceived("cam", at_ns + after_ms * 1_000_000, frame))
        copied.tick()
        return copied.keyframes_wanted.is_set()

    assert not asked(KEYFRAME, 0)
    assert copied.pause(PauseMode.CUT)
    assert not asked(delta, 1_100), "not in a pause"
    copied.resume()
    assert copied.keyframes_wanted.is_set()
    assert not asked(delta, 1_200), "it was just asked for"
    copied._asked_s -= ASK_AGAIN_S
    assert asked(delta, 1_300)
    copied._asked_s -= ASK_AGAIN_S
    assert not asked(KEYFRAME, 1_400)
    assert not asked(delta, 1_500)
