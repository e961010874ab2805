"""Publishers that come by WHIP, with the ffmpeg that comes with us, recorded by a real server."""

from __future__ import annotations

import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.kit.recordings.machine import Machine
from tests.kit.recordings.waits import FPS
from tests.kit.signals.reading import read
from tests.kit.whip.publishing import Publisher, publishing, taking, until_live

pytestmark = pytest.mark.real_time

IN_STEP_S = 0.015
BY_ARRIVALS_S = 0.2
"""Until the publisher's first sender reports, which come after 5 s."""


async def test_one_publisher_is_recorded_as_it_comes_and_encoded(
    tmp_path: Path, films: Path
) -> None:
    machine, path = Machine(tmp_path), films
    taking(machine, "lobby")
    async with machine.serving() as server:
        assert not (await server.get("/api/live/validate/lobby"))["is_live"]
        async with publishing(server.url, "lobby", path) as publisher:
            await until_live(machine, "lobby")
            shown = await server.get("/api/streams/lobby")
            kinds = {(t["kind"], t["codec"], t["width"]) for t in shown["published"]}
            assert kinds == {("audio", "OPUS", None), ("video", "H264", 320)}
            rows = []
            for begin in (server.start_copy, server.start):
                id = await begin("lobby")
                await server.until_recorded(id, 3)
                await server.post("/api/recording/stop", mint_id="lobby")
                rows.append(await server.until_ended(id))
            await publisher.leave()
            await until_live(machine, "lobby", live=False)
        await server.end(signal.SIGTERM)
    for row, within_s in zip(rows, (BY_ARRIVALS_S, IN_STEP_S), strict=True):
        assert row["state"] == "completed"
        reading = read(Path(row["output_path"]))
        assert reading.size == (320, 192)
        assert reading.in_order
        assert reading.missing == 0
        assert len(reading.numbers) >= 80
        assert reading.audio_gaps == 0
        assert max(map(abs, reading.offsets_s)) < within_s, reading.offsets_s
    await machine.until_nothing_is_left()


async def test_three_publishers_one_late_one_replaced_one_gone(tmp_path: Path, films: Path) -> None:
    machine = Machine(tmp_path)
    machine.settings["RECONNECT_TIMEOUT_S"] = "2"
    taking(machine, "stays", "replaced", "leaves", "late")
    async with machine.serving() as server, AsyncExitStack() as publishers:

        async def publish(stream: str, from_s: float = 0.0) -> Publisher:
            started = publishing(server.url, stream, films, from_s=from_s)
            publisher = await publishers.enter_async_context(started)
            await until_live(machine, stream)
            return publisher

        # A watch waits for the one that comes late.
        await server.post("/api/recording/watch", mint_id="late", pipeline="copy")
        first = {stream: await publish(stream) for stream in ("stays", "replaced", "leaves")}
        ids = {stream: await server.start_copy(stream) for stream in first}
        await publish("late")
        await server.until_recorded(ids["leaves"], 2)
        await first["leaves"].leave()
        await publish("replaced", 30.0)
        row = await server.until_ended(ids["leaves"])
        assert (row["state"], row["error"]) == ("completed", None)
        assert row["reason"] == "the publisher left; nobody published again within 2 s"
        late = await server.get("/api/recording/status/late")
        assert late["state"] == "recording"
        await server.until_recorded(ids["replaced"], 6)
        ended = {}
        for stream in ("stays", "replaced", "late"):
            answer = await server.post("/api/recording/stop", mint_id=stream)
            ended[stream] = read(Path(answer["final_path"]))
        await server.end(signal.SIGTERM)
    assert ended["stays"].in_order_and_once
    assert ended["stays"].missing == 0
    assert ended["late"].missing == 0
    numbers = ended["replaced"].numbers
    second = [number for number in numbers if number >= 30 * FPS]
    assert len(second) >= 60, "the second one is recorded by the same recording"
    assert numbers == sorted(numbers)
    assert read(Path(row["output_path"])).missing == 0
    await machine.until_nothing_is_left()
