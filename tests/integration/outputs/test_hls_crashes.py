"""HLS of a recording whose worker and server are killed while it is played: all of it is there."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from tests.integration.recordings.test_crashes import pid_of
from tests.kit.livekit.rooms import Publisher, publish
from tests.kit.livekit.server import Server
from tests.kit.recordings.hls_player import HlsPlayer, ffmpeg_playing
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.signals.reading import Reading, read

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.real_time,
    pytest.mark.all_only,
    pytest.mark.timeout(240),
]

FPS = 30


async def until(reached: Callable[[], Any], task: asyncio.Task[None]) -> None:
    """Waits until it is so, unless the player has failed."""
    async with asyncio.timeout(60):
        while not reached():
            if task.done():
                task.result()
                raise AssertionError("the playlist has ended")
            await asyncio.sleep(0.05)


async def begin(server: ServerProcess, room: str, pipeline: str) -> str:
    """A recording with an output of HLS; its id."""
    answer = await server.ask_to_start(room, pipeline=pipeline, outputs=[{"type": "hls"}])
    assert answer.status_code == 200, answer.text
    (listed,) = (await server.get("/api/recordings?state=recording"))["recordings"]
    return str(listed["id"])


@pytest.mark.parametrize("pipeline", ["mp4", "copy"])
async def test_who_plays_it_gets_all_of_the_file(
    pipeline: str, tmp_path: Path, livekit_server: Server
) -> None:
    (folder := tmp_path / "machine").mkdir()
    machine, room = Machine(folder, livekit_server), f"hls {pipeline}"
    machine.settings |= {"LEAVE_RECORDINGS_RUNNING": "true", "START_TIMEOUT_S": "60"}
    async with publish(livekit_server, room, video="h264") as publisher:
        async with machine.serving() as server:
            id = await begin(server, room, pipeline)
            url = f"{server.url}/api/recordings/{id}/hls"
            player = HlsPlayer(url)
            playing = asyncio.create_task(player.play())
            async with ffmpeg_playing(url, tmp_path / "live.txt") as ffmpeg:
                await until(lambda: len(player.pieces) >= 2, playing)
                os.kill(await pid_of(server, id, "worker"), signal.SIGKILL)
                await until(lambda: len(player.runs) == 2, playing)
                first = frames(player.write(tmp_path / "first")[:1])
                await until(lambda: ffmpeg.packets > first, playing)
                await server.end(signal.SIGKILL)
        async with machine.serving(server.port) as second:
            there = len(player.pieces)
            await until(lambda: len(player.pieces) >= there + 2, playing)
            await second.post("/api/recording/stop", mint_id=room)
            row = await second.until_ended(id)
            await asyncio.wait_for(playing, 30)
            finished = HlsPlayer(url)
            await finished.play()
            async with ffmpeg_playing(url, tmp_path / "finished.txt") as ffmpeg:
                packets = await ffmpeg.until_ended()
            await second.end(signal.SIGTERM)
    assert (row["state"], row["error"]) == ("completed", None)
    assert player.away > 0, "the server was away while it was played"
    assert player.changed == []
    differ = [pair for pair in zip(player.pieces, finished.pieces, strict=True) if len({*pair}) > 1]
    assert differ == []
    check_moments(player, finished)
    paths = player.write(tmp_path / "live")
    check_discontinuities(player, [read(path) for path in paths], publisher)
    final = read(Path(row["output_path"])).numbers
    assert final == [number for path in paths for number in read(path).numbers]
    again = finished.write(tmp_path / "finished")
    assert final == [number for path in again for number in read(path).numbers]
    assert packets == frames(paths)


def frames(paths: list[Path]) -> int:
    """Packets of video in files of pieces."""
    count = 0
    for path in paths:
        with av.open(str(path)) as file:
            count += sum(1 for packet in file.demux(video=0) if packet.size)
    return count


def check_moments(player: HlsPlayer, finished: HlsPlayer) -> None:
    """Times of capture are said at the same places, and hardly move."""
    for before, after in zip(player.pieces, finished.pieces, strict=True):
        assert (before.at is None) == (after.at is None)
        if before.at is not None and after.at is not None:
            assert abs((after.at - before.at).total_seconds()) < 0.5


def check_discontinuities(player: HlsPlayer, readings: list[Reading], publisher: Publisher) -> None:
    """One for each run but the first, and the time of capture is true on either side."""
    assert len(readings) == 2
    assert [piece.discontinuity for piece in player.pieces if piece.discontinuity] == [True]
    zero = time.time() - time.monotonic() + publisher.began_s
    for run, reading in zip(player.runs, readings, strict=True):
        assert reading.in_order_and_once
        assert reading.beeps, "audio is in each"
        assert run[0].at is not None
        first_s, number = reading.codes[0]
        said = run[0].at.timestamp()
        print(f"captured {said - zero - number / FPS:.3f} s behind its number, at {first_s:.3f} s")
        assert said - zero == pytest.approx(number / FPS, abs=0.5)
    assert player.runs[1][0].discontinuity
