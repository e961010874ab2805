"""Publishers that come by WHIP, with the ffmpeg that comes with us, recorded by a real server."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.kit.recordings.machine import Machine
from tests.kit.signals.reading import read
from tests.kit.whip.publishing import film, publishing, taking, until_live

pytestmark = pytest.mark.real_time

IN_STEP_S = 0.015
BY_ARRIVALS_S = 0.2
"""Until the publisher's first sender reports, which come after 5 s."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


async def test_one_publisher_is_recorded_as_it_comes_and_encoded(
    tmp_path: Path, folder: Path
) -> None:
    machine, path = Machine(tmp_path), film(folder)
    taking(machine, "lobby")
    async with machine.serving() as server:
        assert not (await server.get("/api/live/validate/lobby"))["is_live"]
        async with publishing(server.url, "lobby", path) as publisher:
            await until_live(machine, "lobby")
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
