"""A live room becomes a file: real server, real publisher, real ffmpeg, the file decoded again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.errors import AlreadyActive, HavenError, StoppedWhileStarting
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from tests.kit.livekit.crowd import GUESTS, conference
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.managing import managing
from tests.kit.recordings.waits import FPS, until_duration, until_received
from tests.kit.signals.reading import Reading, read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


async def record(manager: Manager, request: StartRequest, frames: int = 4 * FPS) -> Recording:
    """Start, let that many frames come, stop."""
    await manager.start(request)
    await until_received(manager, request.stream_id, frames)
    return await manager.stop(request.stream_id)


def check(ended: Recording, *, frames: int) -> Reading:
    """Every frame that came is there, once and in order; audio without a gap; the same length.

    What came is counted: on a machine that is busy publisher and server drop some by themselves.
    """
    reading, video = read(Path(ended.output_path)), ended.figures["video"]
    assert reading.in_order
    # Where the publisher paused, the frame before is held: counted as filled.
    assert len(reading.codes) - len(set(reading.numbers)) <= video["filled"]
    came = video["received"] - video["late"] - video["dropped"]
    assert len(reading.codes) + reading.unreadable == came + video["filled"]
    assert came >= frames // 4, "some are dropped where ffmpeg gets no CPU; most are not"
    assert reading.audio_gaps == 0
    # A frame is held for a second at most before it comes again, and 0.7 s are waited for one.
    assert abs(reading.audio_end_s - reading.video_end_s) < 2
    assert len(reading.beeps) >= frames // FPS // 2
    everybody = reading.tones.all_of(GUESTS)
    assert everybody >= len(reading.tones.rows) - 2, reading.tones
    return reading


@pytest.mark.parametrize(
    ("output_format", "pipeline", "codecs", "suffix"),
    [
        ("av1", None, ("av1", "aac"), ".av1"),
        ("mp4", None, ("h264", "aac"), ".mp4"),
        ("webm", None, ("vp9", "opus"), ".webm"),
        pytest.param(None, "av1-svt", ("av1", "aac"), ".av1", marks=pytest.mark.all_only),
    ],
)
async def test_each_format_holds_every_frame_and_the_audio(
    manager: Manager,
    livekit_server: Server,
    output_format: str | None,
    pipeline: str | None,
    codecs: tuple[str, str],
    suffix: str,
) -> None:
    room = f"format {output_format or pipeline}"
    async with conference(livekit_server, room, width=960, height=540):
        request = StartRequest(room, output_format, pipeline, "medium", "medium")
        ended = await record(manager, request)
    assert ended.state == "completed"
    assert ended.error is None
    path = Path(ended.output_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.suffix == suffix
    reading = check(ended, frames=4 * FPS)
    assert (reading.video_codec, reading.audio_codec) == codecs
    # The SDK announces 1280x720 here; the canvas follows what is announced, in proportion.
    assert reading.size in {(960, 540), (1280, 720)}
    assert ended.size_bytes == path.stat().st_size
    assert ended.duration_s == pytest.approx(reading.audio_end_s, abs=0.2)
    tags = {key.lower(): value for key, value in reading.tags.items()}
    assert tags["title"] == room
    assert room in tags["comment"]
    assert not Path(ended.work_directory).exists()
    beside = [path.name, path.with_suffix(".data.jsonl").name]
    assert sorted(p.name for p in path.parent.iterdir()) == sorted(beside)


@pytest.mark.parametrize(
    ("video", "simulcast"),
    [("h264", False), pytest.param("vp8", True, marks=pytest.mark.all_only)],
)
async def test_what_publishers_send(
    manager: Manager, livekit_server: Server, video: str, simulcast: bool
) -> None:
    room = f"{video} simulcast {simulcast}"
    async with conference(
        livekit_server, room, video=video, simulcast=simulcast, width=640, height=360
    ):
        ended = await record(manager, StartRequest(room, "mp4"))
    reading = read(Path(ended.output_path))
    # Between two layers of a busy publisher LiveKit may go back by some frames.
    backwards = [(a, b) for a, b in pairwise(reading.numbers) if b < a]
    assert len(backwards) <= simulcast
    assert all(a - b < FPS // 2 for a, b in backwards)
    assert reading.size == (640, 360)
    assert reading.beeps
    if not simulcast:  # the SDK drops frames of its own when it encodes three layers
        check(ended, frames=4 * FPS)


@pytest.mark.all_only
async def test_a_room_with_one_kind_gives_a_file_with_one_kind(
    manager: Manager, livekit_server: Server
) -> None:
    kinds = ("audio", "video")
    await asyncio.gather(*(one_kind(manager, livekit_server, kind) for kind in kinds))


async def one_kind(manager: Manager, livekit_server: Server, kind: str) -> None:
    room, video = f"only {kind}", "vp8" if kind == "video" else None
    people = conference if kind == "audio" else publish
    async with people(livekit_server, room, video=video, audio=kind == "audio"):
        await manager.start(StartRequest(room, "mp4"))
        await until_duration(manager, room, 3)
        row = await manager.status(room)
        assert row is not None
        assert (row.figures["video"]["no_video_reason"] is None) is (kind == "video")
        assert (row.figures["video"]["no_video_since"] is None) is (kind == "video")
        ended = await manager.stop(room)
    reading = read(Path(ended.output_path))
    assert (reading.video_codec is not None) is (kind == "video")
    assert (reading.audio_codec is not None) is (kind == "audio")
    assert len(reading.codes) >= 60 if kind == "video" else len(reading.beeps) >= 2


async def test_together_in_time_and_measured(manager: Manager, livekit_server: Server) -> None:
    async with conference(livekit_server, "figures"):
        started = await manager.start(StartRequest("figures", "mp4"))
        assert started.state == "recording"
        await until_duration(manager, "figures", 4.5)
        row = await manager.status("figures")
        assert row is not None
        figures = row.figures
        assert figures["video"]["written"] > 30
        assert figures["video"]["dropped"] == 0
        assert figures["encoder"]["frames"] > 0
        assert figures["processes"]["worker"]["cpu_cores"] > 0
        assert figures["processes"]["ffmpeg"]["rss_bytes"] > 10**7
        assert figures["source"]["packets_received"] > 100
        assert figures["warnings"] == []
        ended = await manager.stop("figures")
    assert ended.figures["processes"]["ffmpeg"]["cpu_seconds"] > 0, "the last that was measured"
    samples = await manager.catalog.samples(ended.id, 100)
    assert {sample.role for sample in samples} == {"worker", "ffmpeg"}
    kinds = [event.kind for event in await manager.catalog.events(ended.id)]
    assert {"joined", "published", "ffmpeg", "state", "segment", "file"} <= set(kinds)
    offsets = read(Path(ended.output_path)).offsets_s
    assert len(offsets) >= 3
    # A busy publisher is itself off by so much; how true we are to it, tests/kit/timing says.
    assert all(abs(offset) < 0.5 for offset in offsets), offsets


@pytest.mark.all_only  # nine publishers beside three recordings
async def test_three_rooms_at_once(manager: Manager, livekit_server: Server) -> None:
    rooms = ["one", "two", "three"]

    async def one(room: str) -> Recording:
        async with conference(livekit_server, room, width=160, height=96):
            request = StartRequest(room, "mp4", None, "low")
            return await record(manager, request, 3 * FPS)

    for ended in await asyncio.gather(*map(one, rooms)):
        check(ended, frames=3 * FPS)


async def test_of_two_starts_at_once_one_wins(manager: Manager, livekit_server: Server) -> None:
    async with conference(livekit_server, "twice"):
        starts = [manager.start(StartRequest("twice", "mp4")) for _ in range(2)]
        outcomes = await asyncio.gather(*starts, return_exceptions=True)
        assert sorted(type(o).__name__ for o in outcomes) == ["AlreadyActive", "Recording"]
        with pytest.raises(AlreadyActive, match="Recording already active for twice"):
            await manager.start(StartRequest("twice", "mp4"))
        await manager.stop("twice")
        with pytest.raises(HavenError, match="No active recording found for twice"):
            await manager.stop("twice")


async def test_a_stop_while_starting(manager: Manager, livekit_server: Server) -> None:
    async with conference(livekit_server, "early"):
        starting = asyncio.create_task(manager.start(StartRequest("early", "mp4")))
        async with asyncio.timeout(10):
            while await manager.status("early") is None:
                await asyncio.sleep(0.005)
        ended = await manager.stop("early")
        assert (ended.state, ended.error) == ("aborted", None), "who stopped it got what he wanted"
        with pytest.raises(StoppedWhileStarting):
            await starting
    out = manager.settings.output_directory
    assert list(out.iterdir()) == [], "nothing was recorded, and nothing is left"
    assert await manager.catalog.counts() == {"aborted": 1}


async def test_the_room_ends_and_the_file_is_completed(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    async with managing(settings_for(unpublished_timeout_s=0.5)) as manager:
        async with conference(livekit_server, "leaving"):
            started = await manager.start(StartRequest("leaving", "mp4"))
            await until_received(manager, "leaving", 2 * FPS)
        async with asyncio.timeout(20):
            while (row := await manager.get(started.id)).state != "completed":
                await asyncio.sleep(0.05)
        assert row.reason
        assert len(read(Path(row.output_path)).codes) >= FPS
