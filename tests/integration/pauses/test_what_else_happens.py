"""Pauses of real recordings beside all else that happens to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest

from orchestrator.catalog.models import Recording
from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from tests.kit.livekit.rooms import Publisher, publish
from tests.kit.livekit.server import Server
from tests.kit.managing import managing
from tests.kit.recordings.copied import kinds
from tests.kit.recordings.paused import PATIENT, measured, record
from tests.kit.recordings.waits import FPS, eventually, until_more, until_received
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time, pytest.mark.all_only]


@pytest.fixture
async def manager(settings_for: Callable[..., Settings]) -> AsyncIterator[Manager]:
    async with managing(settings_for(**PATIENT)) as opened:
        yield opened


def asked(room: str, pipeline: str | None = None) -> StartRequest:
    return StartRequest(room, "mkv" if pipeline == "copy" else "mp4", pipeline, "low")


async def until_sent(publisher: Publisher, frames: int) -> None:
    """Until so many more frames were sent."""
    sent = publisher.sent
    await eventually(lambda: publisher.sent >= sent + frames, lambda: publisher.sent, within_s=30)


async def pauses_of(manager: Manager, row: Recording) -> list[Pause]:
    return await Pauses(manager.catalog).of_recording(row.id)


async def until_reported(manager: Manager, row: Recording, later_s: float) -> Recording:
    """Until its worker has reported so much later than now."""
    at = datetime.now(UTC) + timedelta(seconds=later_s)
    async with asyncio.timeout(30 + later_s):
        while (row := await manager.get(row.id)).figures_at is None or row.figures_at < at:
            await asyncio.sleep(0.05)
    return row


def titles(path: str | Path) -> list[str]:
    """Of a file's chapters."""
    with av.open(str(path)) as file:
        return [chapter["metadata"]["title"] for chapter in file.chapters()]


async def test_a_still_frame_stands_for_it(manager: Manager, livekit_server: Server) -> None:
    ended, paused = await record(
        manager, livekit_server, asked("still"), [2, 1], between=40, still=True
    )
    found = await measured(manager, ended, paused)
    print(found)
    assert (found.pauses, found.missing, found.missing_at_pauses) == (2, (), 0)
    assert found.worst_ms < 15
    assert found.longest_resume_ms < 300
    assert abs(found.length_ms) < 60
    assert titles(ended.output_path) == [
        *("Beginning", "Pause of 2 s", "After a pause of 2 s"),
        *("Pause of 1 s", "After a pause of 1 s"),
    ]
    assert all(row.mode == "still" for row in await pauses_of(manager, ended))


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize("pipeline", [None, "copy"])
async def test_a_stop_while_it_is_paused(
    manager: Manager, livekit_server: Server, pipeline: str | None, still: bool
) -> None:
    async with publish(livekit_server, "stopped", live=True) as publisher:
        await manager.start(asked("stopped", pipeline))
        await until_received(manager, "stopped", 2 * FPS)
        await manager.pause("stopped", still=still)
        await until_sent(publisher, 2 * FPS)
        ended = await manager.stop("stopped")
    (row,) = await pauses_of(manager, ended)
    assert (ended.state, ended.error) == ("completed", None)
    assert row.ended_at is not None
    assert row.length_s is not None
    reading = read(Path(ended.output_path))
    assert reading.numbers[-1] < publisher.sent - 2 * FPS, "nothing of the pause"
    if still:
        assert row.at_s + row.length_s == pytest.approx(ended.figures["duration_s"], abs=0.1)
    else:
        assert row.length_s > 1.5
        assert ended.figures["duration_s"] == pytest.approx(row.at_s, abs=0.1)
        assert reading.video_end_s == pytest.approx(row.at_s, abs=0.1)
    assert [each for each in await kinds(manager, ended) if each in ("paused", "resumed")] == [
        "paused"
    ]


@pytest.mark.parametrize("pipeline", [None, "copy"])
async def test_who_leaves_and_comes_back_meanwhile(
    settings_for: Callable[..., Settings], livekit_server: Server, pipeline: str | None
) -> None:
    async with managing(settings_for(unpublished_timeout_s=1, **PATIENT)) as manager:
        async with publish(livekit_server, "back", live=True):
            started = await manager.start(asked("back", pipeline))
            await until_received(manager, "back", 2 * FPS)
            await manager.pause("back")
        row = await until_reported(manager, started, 2)  # nobody else may be gone for so long
        assert row.state == "paused"
        async with publish(livekit_server, "back", live=True) as publisher:
            await until_sent(publisher, 2 * FPS)
            resumed_at = publisher.sent
            await manager.resume("back")
            await until_more(manager, "back", 2 * FPS)
            ended = await manager.stop("back")
        assert (ended.state, ended.error) == ("completed", None)
        (pause,) = await pauses_of(manager, ended)
        reading = read(Path(ended.output_path))
        behind = [code for at_s, code in reading.codes if at_s >= pause.at_s]
        assert len(behind) >= FPS
        assert resumed_at - 3 <= behind[0] <= resumed_at + FPS
        assert behind == sorted(set(behind))
        assert titles(ended.output_path)[0] == "Beginning"
        assert len(titles(ended.output_path)) == 2


async def test_nobody_comes_back(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    async with managing(settings_for(unpublished_timeout_s=2, **PATIENT)) as manager:
        async with publish(livekit_server, "alone"):
            started = await manager.start(asked("alone"))
            await until_received(manager, "alone", 2 * FPS)
            await manager.pause("alone")
        assert (await until_reported(manager, started, 3)).state == "paused"
        await manager.resume("alone")
        async with asyncio.timeout(20):
            while (row := await manager.get(started.id)).ended_at is None:
                await asyncio.sleep(0.05)
    assert (row.state, row.reason) == ("completed", "nothing was published for 2 s")
