"""Copied videos that change their size or codec, and codecs that a file can't hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import UnsupportedCodec
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from tests.kit.livekit.crowd import conference
from tests.kit.livekit.rooms import SCREEN, publish
from tests.kit.livekit.server import Server
from tests.kit.managing import managing
from tests.kit.recordings.copied import asked, decode_errors, event_log, kinds, seen, tracks
from tests.kit.recordings.waits import FPS, until, until_more, until_received
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


@pytest.mark.all_only
@pytest.mark.parametrize(
    ("codec", "output_format"),
    [
        ("vp8", "mkv"),
        ("h264", "mkv"),
        ("h264", "mp4"),
    ],
)
async def test_a_video_of_another_size_goes_on_in_the_same_track(
    manager: Manager, livekit_server: Server, codec: str, output_format: str
) -> None:
    room = f"copy sizes {codec} {output_format}"
    async with conference(livekit_server, room, video=codec) as there:
        await manager.start(asked(room, output_format))
        await until_received(manager, room, FPS)
        there.host.width, there.host.height = 640, 360
        await until(manager, room, lambda row: row.figures["video"]["width"] or 0, 640)
        await until_more(manager, room, FPS)
        ended = await manager.stop(room)
    path = Path(ended.output_path)
    assert ended.state == "completed"
    assert decode_errors(path) == []
    assert len(await manager.catalog.segments(ended.id)) == 1
    reading = read(path)
    assert reading.in_order_and_once
    assert len(reading.codes) == ended.figures["video"]["received"]
    assert tracks(path)["video"].codec == codec


@pytest.mark.all_only
async def test_a_selected_video_of_another_codec_begins_a_second_file(
    manager: Manager, livekit_server: Server
) -> None:
    room = "copy codecs"
    async with conference(livekit_server, room):
        started = await manager.start(asked(room))
        await until_received(manager, room, FPS)
        async with publish(
            livekit_server, room, identity="screen", video="h264", audio=False, source=SCREEN
        ):
            async with asyncio.timeout(30):
                while len(await manager.catalog.segments(started.id)) < 2:
                    await asyncio.sleep(0.05)
            await until_more(manager, room, 2 * FPS)
        async with asyncio.timeout(30):
            while len(await manager.catalog.segments(started.id)) < 3:
                await asyncio.sleep(0.05)
        await until_more(manager, room, FPS)
        ended = await manager.stop(room)
    print(await event_log(manager, ended), ended.figures)
    assert (ended.state, ended.error) == ("completed", None)
    files = await manager.catalog.files(ended.id)
    assert [file.integrity for file in files] == ["whole"] * 3
    found = [tracks(Path(file.path)) for file in files]
    assert [each["video"].codec for each in found] == ["vp8", "h264", "vp8"]
    for file, each in zip(files, found, strict=True):
        assert decode_errors(Path(file.path)) == []
        assert len(each) == 4, "one video and the three microphones"
        assert each["video"].times_ms[0] == each["video"].keys_ms[0]
        assert seen(Path(file.path), "video").in_order_and_once
    written = sum(len(each["video"].times_ms) for each in found)
    assert written == ended.figures["video"]["received"]


@pytest.mark.all_only
async def test_what_the_container_cant_hold_is_refused_and_leaves_nothing(
    manager: Manager, livekit_server: Server
) -> None:
    async with conference(livekit_server, "webm", video="h264"):
        with pytest.raises(UnsupportedCodec, match=r"webm file can't hold .*H264.*") as refused:
            await manager.start(asked("webm", "webm"))
    assert "output_format: mkv or mp4" in refused.value.detail
    assert list(manager.settings.output_directory.iterdir()) == []


@pytest.mark.all_only
async def test_what_the_container_cant_hold_is_left_out_of_a_recording_that_runs(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    room = "copy left out"
    async with managing(settings_for()) as manager, conference(livekit_server, room):
        started = await manager.start(asked(room, "webm"))
        await until_received(manager, room, FPS)
        async with publish(
            livekit_server, room, identity="screen", video="h264", audio=False, source=SCREEN
        ):
            async with asyncio.timeout(30):
                while "left_out" not in await kinds(manager, started):
                    await asyncio.sleep(0.05)
            await until_more(manager, room, 2 * FPS)
            row = await manager.get(started.id)
            assert any("The webm file can't hold" in each for each in row.figures["warnings"])
        ended = await manager.stop(room)
    assert (ended.state, ended.error) == ("completed", None)
    assert tracks(Path(ended.output_path))["video"].codec == "vp8"
    assert read(Path(ended.output_path)).missing <= 2, "the camera goes on"


@pytest.mark.all_only
async def test_layers_of_a_simulcast_follow_each_other(
    manager: Manager, livekit_server: Server
) -> None:
    room = "copy simulcast"
    async with conference(livekit_server, room, simulcast=True, width=640, height=360):
        await manager.start(asked(room))
        await until_received(manager, room, 5 * FPS)
        ended = await manager.stop(room)
    path = Path(ended.output_path)
    assert (ended.state, ended.error) == ("completed", None)
    assert decode_errors(path) == []
    assert len(tracks(path)["video"].times_ms) == ended.figures["video"]["received"]


@pytest.mark.all_only
@pytest.mark.parametrize("output_format", ["webm", "mp4"])
async def test_other_containers(
    manager: Manager, livekit_server: Server, output_format: str
) -> None:
    room, codec = f"copy {output_format}", {"webm": "vp8", "mp4": "h264"}[output_format]
    async with conference(livekit_server, room, video=codec):
        await manager.start(asked(room, output_format))
        await until_received(manager, room, 4 * FPS)
        ended = await manager.stop(room)
    path = Path(ended.output_path)
    assert (ended.state, ended.error, path.suffix) == ("completed", None, f".{output_format}")
    assert decode_errors(path) == []
    assert tracks(path)["video"].codec == codec
    reading = read(path)
    assert len(reading.codes) == ended.figures["video"]["received"]
    assert all(abs(offset_s) < 0.3 for offset_s in reading.offsets_s)
