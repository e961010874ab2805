"""A publisher with libdatachannel, which OBS sends WHIP with, recorded by a real server."""

from __future__ import annotations

import asyncio
import signal
from itertools import pairwise
from pathlib import Path

import pytest

from tests.kit.recordings.machine import Machine
from tests.kit.recordings.waits import FPS
from tests.kit.signals.reading import read
from tests.kit.whip.libdatachannel import module, sending, write_frames
from tests.kit.whip.publishing import taking, until_live

pytestmark = [pytest.mark.real_time, pytest.mark.all_only]

IN_STEP_S = 0.015


@pytest.mark.timeout(180)
async def test_it_is_recorded_leaves_and_vanishes(tmp_path: Path, films: Path) -> None:
    module()
    frames, machine = tmp_path / "frames.jsonl", Machine(tmp_path)
    await asyncio.to_thread(write_frames, films, frames, 50)
    machine.settings["RECONNECT_TIMEOUT_S"] = "60"
    taking(machine, "lobby")
    async with machine.serving() as server:
        readings = []
        async with sending(server.url, "lobby", frames) as publisher:
            assert (await publisher.line()).startswith("connected ")
            await until_live(machine, "lobby")
            for begin in (server.start_copy, server.start):
                id = await begin("lobby")
                await server.until_recorded(id, 6)
                stopped = await server.post("/api/recording/stop", mint_id="lobby")
                readings.append(read(Path(stopped["final_path"])))
            assert await publisher.leave() == "left 200"
            await until_live(machine, "lobby", live=False)
        async with sending(server.url, "lobby", frames) as publisher:
            await publisher.line()
            await until_live(machine, "lobby")
            id = await server.start_copy("lobby")
            await server.until_recorded(id, 6)
            await publisher.vanish()
            await server.until_state(id, "reconnecting")
        async with sending(server.url, "lobby", frames) as publisher:
            await publisher.line()
            await server.until_state(id, "recording")
            for more_s in (1, 4):  # the first is over as soon as a frame comes, by the gap
                before_s = (await server.recording(id))["duration_seconds"]
                await server.until_recorded(id, before_s + more_s)
            stopped = await server.post("/api/recording/stop", mint_id="lobby")
        both = read(Path(stopped["final_path"]))
        await server.end(signal.SIGTERM)
    for reading in readings:
        assert reading.missing == 0
        assert reading.in_order
        assert reading.audio_gaps == 0
        assert max(map(abs, reading.offsets_s[1:])) < IN_STEP_S, reading.offsets_s
    (fell,) = [n for n, (a, b) in enumerate(pairwise(both.numbers), 1) if b < a]
    assert fell >= 5 * FPS, "the first one is in the file"
    assert len(both.numbers) - fell >= 3 * FPS, "and the second one"
    await machine.until_nothing_is_left()
