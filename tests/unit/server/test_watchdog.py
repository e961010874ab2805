"""Who gets a new worker, who is finished, who is failed: real rows, workers that the test ends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.catalog.store import Catalog
from orchestrator.discovery.configured import ConfiguredDiscovery
from orchestrator.discovery.directory import Directory
from orchestrator.errors import SourceUnreachable, WorkerFailed
from orchestrator.media import Endpoint, Stream, WhepEndpoint
from orchestrator.server import watchdog as keeping
from orchestrator.server.ingest.publishers import Publishers
from orchestrator.server.launcher import WorkerHandle
from orchestrator.server.recording_workers import RecordingWorkers
from orchestrator.server.watchdog import DEATHS_WITHIN_S, MAX_DEATHS, Watchdog
from orchestrator.settings import Settings
from tests.kit.catalog.rows import NOON, recording, segment


class Hands:
    """A launcher whose workers live as long as the test wants."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.living: set[int] = set()
        self.ended: set[int] = set()
        """Who ended since the last `reap`."""

    async def start(self, job: str, log: Path) -> WorkerHandle:
        self.jobs.append(json.loads(job))
        self.living.add(len(self.jobs))
        return WorkerHandle(len(self.jobs), 1.0, "boot")

    async def keep_ready(self) -> None: ...

    def ready(self) -> int | None:
        return None

    def wake(self, worker: WorkerHandle) -> None: ...

    def reap(self) -> bool:
        ended, self.ended = self.ended, set()
        return bool(ended)

    def alive(self, worker: WorkerHandle) -> bool:
        return worker.pid in self.living

    async def kill(self, worker: WorkerHandle) -> None:
        self.living.discard(worker.pid)

    async def close(self, *, leave: bool) -> None: ...


class Streams(Directory):
    """Knows how to reach every stream, unless the network is down."""

    def __init__(self) -> None:
        super().__init__([])
        self.down = False

    async def endpoint(self, stream: Stream, identity: str, *, shown: bool = True) -> Endpoint:
        if self.down:
            raise SourceUnreachable("Nothing answers.")
        return WhepEndpoint(f"http://127.0.0.1/{stream.id}")


class Watched:
    """A keeper at work, and what it did."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog, self.hands, self.streams = catalog, Hands(), Streams()
        self.recovered: list[str] = []
        self.workers = RecordingWorkers(
            *(Settings(), catalog, self.streams, self.hands),
            Publishers(Settings(), self.hands, ConfiguredDiscovery({})),
        )
        self.watchdog = Watchdog(catalog, self.workers, lambda row: self.recovered.append(row.id))

    @asynccontextmanager
    async def watching(self, *, alone: bool = True) -> AsyncIterator[None]:
        await self.watchdog.open(alone=alone)
        try:
            yield
        finally:
            await self.watchdog.close()

    async def until(self, reached: Callable[[Recording], bool], id: str = "a") -> Recording:
        async with asyncio.timeout(20):
            while not reached(row := await self.catalog.get(id)):
                await asyncio.sleep(0.01)
        return row


@pytest.fixture
def watched(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """A keeper that looks often."""
    monkeypatch.setattr(keeping, "WATCH_S", 0.02)
    return Watched(catalog)


async def add(catalog: Catalog, folder: Path, id: str = "a", **columns: Any) -> Recording:
    """A recording with a worker that is no more."""
    work = folder / f".{id}.haven"
    work.mkdir()
    stream = {"id": id, "discovery": "livekit"}
    dead = {"worker_pid": 77, "worker_created": 1.0, "worker_boot": "boot", "worker_starts": 1}
    values = {"state": "recording", "stream": stream, "work_directory": str(work)}
    row = recording(id, stream_id=id, **values | dead | columns)
    await catalog.create(row)
    return row


async def kinds(catalog: Catalog, id: str = "a") -> list[str]:
    return [event.kind for event in await catalog.events(id)]


async def test_found_dead_it_is_finished_without_a_network(
    watched: Watched, catalog: Catalog, tmp_path: Path
) -> None:
    await add(catalog, tmp_path)
    watched.streams.down = True
    async with watched.watching():
        row = await watched.until(lambda row: row.worker_pid == 1)
    assert (row.state, row.recovered, row.worker_starts) == ("stopping", True, 2)
    (job,) = watched.hands.jobs
    assert (job["recording_id"], job["number"], job["endpoint"]) == ("a", 2, None)
    assert watched.recovered == ["a"]
    assert await kinds(catalog) == ["recovered"]


async def test_seen_alive_before_it_died_it_goes_on(
    watched: Watched, catalog: Catalog, tmp_path: Path
) -> None:
    await add(catalog, tmp_path)
    watched.hands.living.add(77)
    async with watched.watching():
        async with asyncio.timeout(20):
            while watched.watchdog._found:
                await asyncio.sleep(0.01)
        watched.hands.living.remove(77)
        row = await watched.until(lambda row: row.worker_pid == 1)
    assert (row.state, row.recovered) == ("reconnecting", False)
    assert watched.hands.jobs[0]["endpoint"]["kind"] == "WhepEndpoint"
    assert await kinds(catalog) == ["worker"]


async def test_a_child_that_ends_is_noticed_before_the_next_look(
    watched: Watched, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "WATCH_S", 3_600)
    monkeypatch.setattr(keeping, "LOOKS", 36_000)
    await add(catalog, tmp_path)
    watched.hands.living.add(77)
    async with watched.watching():
        async with asyncio.timeout(20):
            while watched.watchdog._found:
                await asyncio.sleep(0.01)
        watched.hands.living.remove(77)
        watched.hands.ended.add(77)
        row = await watched.until(lambda row: row.worker_pid == 1)
    assert row.state == "reconnecting"


async def test_beside_a_server_its_recordings_are_left_to_it(
    watched: Watched, catalog: Catalog, tmp_path: Path
) -> None:
    await add(catalog, tmp_path, "a")
    async with watched.watching(alone=False):
        await add(catalog, tmp_path, "mine")
        await watched.until(lambda row: row.worker_pid == 1, "mine")
    row = await catalog.get("a")
    assert (row.state, row.worker_starts) == ("recording", 1)
    assert watched.recovered == []


async def test_after_too_many_deaths_it_is_finished_and_then_failed(
    watched: Watched, catalog: Catalog, tmp_path: Path
) -> None:
    async with watched.watching():
        await add(catalog, tmp_path)
        now = datetime.now(UTC)
        push = OutputRow(
            id="o", recording_id="a", kind="push", spec="", shown={}, created_at=now, state="active"
        )
        await Outputs(catalog).add(push)
        for number in range(1, MAX_DEATHS + 1):
            watched.hands.living.clear()
            row = await watched.until(lambda row, number=number: row.worker_pid == number)  # type: ignore[misc]
        assert (row.state, row.worker_starts) == ("stopping", MAX_DEATHS + 1)
        watched.hands.living.clear()
        row = await watched.until(lambda row: row.ended_at is not None)
        async with asyncio.timeout(10):
            while (push := await Outputs(catalog).get("a", "o")).state != "failed":
                await asyncio.sleep(0.01)
    assert (row.state, row.error_code) == ("failed", "worker_failed")
    assert row.work_directory in (row.detail or "")
    assert "ended before this output" in (push.error or "")
    assert Path(row.work_directory).exists(), "what was recorded is kept"


async def test_those_that_died_long_ago_do_not_count(
    watched: Watched, catalog: Catalog, tmp_path: Path
) -> None:
    async with watched.watching():
        await add(catalog, tmp_path)
        await watched.until(lambda row: row.worker_pid == 1)
        long_ago = time.monotonic() - DEATHS_WITHIN_S
        watched.watchdog._deaths["a"].extend([long_ago] * MAX_DEATHS)
        watched.hands.living.clear()
        row = await watched.until(lambda row: row.worker_pid == 2)
    assert row.state == "reconnecting"


async def test_one_that_nobody_started_gets_a_worker(
    watched: Watched, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "LAUNCH_TIME_S", 0.1)
    async with watched.watching():
        await add(catalog, tmp_path, state="starting", worker_pid=None, worker_starts=0)
        row = await watched.until(lambda row: row.worker_pid == 1)
    assert (row.state, row.worker_starts) == ("starting", 1)


async def test_while_the_network_is_down_it_is_tried_again(
    watched: Watched, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "LAUNCH_TIME_S", 0.1)
    watched.streams.down = True
    async with watched.watching():
        await add(catalog, tmp_path)
        await watched.until(lambda row: row.worker_starts >= 2)
        watched.streams.down = False
        row = await watched.until(lambda row: row.worker_pid is not None and row.worker_pid == 1)
    assert row.state in ("reconnecting", "stopping")


@pytest.mark.parametrize(("mode", "length_s"), [("still", 12.0), ("cut", 30.0)])
async def test_a_pause_that_no_worker_is_there_to_end_ends_with_its_recording(
    watched: Watched, catalog: Catalog, tmp_path: Path, mode: str, length_s: float
) -> None:
    row = await add(catalog, tmp_path, state="paused", started_at=NOON)
    began_at = datetime.now(UTC) - timedelta(seconds=30)
    pause = Pause(recording_id="a", number=1, mode=mode, began_at=began_at, at_s=40.0)
    await Pauses(catalog).put(pause)
    last = segment("a", 1)
    last.end_s = 52.0
    await catalog.add_segment(last)
    await watched.workers.fail(row, WorkerFailed("It died.", "Look at its log."))
    (ended,) = await Pauses(catalog).of_recording("a")
    assert ended.length_s == pytest.approx(length_s, abs=5)
    assert ended.ended_at is not None
    assert ended.ended_at > began_at
