"""How many recordings this machine takes at once, and how they fare there; part of ./scripts/bench.

A server as people run it, calibrated. Rooms are added until a start is refused; all are recorded
on for a while, then a program takes a core away for half a minute, then the API's times are taken.
Publishers and LiveKit's server run on the same machine and take their part of it, which the
admission can't know: `--cpu-limit` leaves it to them.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from scripts.benchmarks.answers import latencies_ms
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server
from tests.kit.recordings.machine import Machine
from tests.kit.signals.reading import read

ANSWERS: Final = 200
MOST: Final = 30
SETTLE_S: Final = 5.0
FOREIGN_S: Final = 30.0
BACK_S: Final = 60.0
FULL_RATE: Final = 29.0
"""Frames a second that a recording of 30 has when nothing holds it up."""

PATHS: Final = ("/api/recording/active", "/api/recordings", "/api/processes")


@dataclass
class Limit:
    """What came of it."""

    pipeline: str
    recordings: int = 0
    """At once, when the next was refused."""
    ended_by: str = ""
    """Why there is no more."""
    held_s: float = 0
    dropped: int = 0
    """Frames, of all recordings while all were recorded and nothing else ran."""
    busy_cores: float | None = None
    """The whole machine, meanwhile."""
    steps: list[str] = field(default_factory=list)
    """Speed steps of the recordings, at their start."""
    foreign_dropped: int = 0
    """Frames, while another program took a core and until all was as before."""
    back_s: float | None = None
    """From that program's end until each recording had its full rate again; None: not in time."""
    audio_gaps: int = 0
    """In all files."""
    outcomes: list[str] = field(default_factory=list)
    """How the recordings ended."""
    start_s: list[float] = field(default_factory=list)
    stop_s: list[float] = field(default_factory=list)
    api_ms: dict[str, list[float]] = field(default_factory=dict)
    """Median and 99th percentile by path."""


async def measure_limit(
    server: Server, folder: Path, pipeline: str, *, hold_s: float, prepared: Path, cpu_limit: float
) -> Limit:
    """One pipeline."""
    found = Limit(pipeline)
    await asyncio.to_thread(folder.mkdir)
    machine = Machine(folder, server)
    machine.settings |= {
        "CPU_LIMIT": str(cpu_limit),
        "SPEED_STEP": "auto",
        "WORKER_IN_RESERVE": "true",
    }
    code, errors = await machine.run("calibrate", pipeline)
    assert code == 0, errors
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(client_of(machine))
        rooms: list[str] = []
        while not found.ended_by and len(rooms) < MOST:
            room = f"limit {len(rooms)}"
            await stack.enter_async_context(publishing(server, room, "--prepared", str(prepared)))
            if await _add(client, room, found):
                rooms.append(room)
        found.recordings = len(rooms)
        await _hold(client, rooms, hold_s, found)
        await _disturb(client, rooms, found)
        for path in (*PATHS, f"/api/recording/status/{rooms[0]}"):
            taken = await latencies_ms(client, path, ANSWERS)
            quantiles = (statistics.median(taken), float(np.percentile(taken, 99)))
            found.api_ms[path] = [round(each, 1) for each in quantiles]
        for room in rooms:
            await _stop(client, room, found)
    return found


@asynccontextmanager
async def client_of(machine: Machine) -> AsyncIterator[httpx.AsyncClient]:
    """Of a server that runs as long as it is open."""
    async with (
        machine.serving() as serving,
        httpx.AsyncClient(base_url=serving.url, timeout=120) as client,
    ):
        yield client


async def _add(client: httpx.AsyncClient, room: str, found: Limit) -> bool:
    await asyncio.sleep(SETTLE_S)  # so that its frames come, and there is a zygote
    began = time.monotonic()
    wish = {"mint_id": room, "pipeline": found.pipeline}
    answer = await client.post("/api/recording/start", json=wish)
    if answer.is_error:
        found.ended_by = f"refused with {answer.status_code}: {answer.json()['error']}"
        return False
    found.start_s.append(round(time.monotonic() - began, 3))
    await asyncio.sleep(SETTLE_S)  # its first report tells the step
    found.steps.append(str((await status_of(client, room))["speed_step"]))
    return True


async def _hold(client: httpx.AsyncClient, rooms: list[str], hold_s: float, found: Limit) -> None:
    before = await _dropped(client, rooms)
    psutil.cpu_percent()
    await asyncio.sleep(hold_s)
    found.busy_cores = round(psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1), 2)
    found.held_s, found.dropped = hold_s, await _dropped(client, rooms) - before


async def _disturb(client: httpx.AsyncClient, rooms: list[str], found: Limit) -> None:
    """Another program takes a core, and goes; how long until each has its full rate again."""
    before = await _dropped(client, rooms)
    async with _busy_program():
        await asyncio.sleep(FOREIGN_S)
    ended = time.monotonic()
    behind = set(rooms)
    while behind and time.monotonic() - ended < BACK_S:
        await asyncio.sleep(1)
        for room in sorted(behind):
            status = await status_of(client, room)
            if (status["fps"] or 0) >= FULL_RATE and not status["warnings"]:
                behind.discard(room)
    if not behind:
        found.back_s = round(time.monotonic() - ended, 1)
    found.foreign_dropped = await _dropped(client, rooms) - before


@asynccontextmanager
async def _busy_program() -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass")
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def _stop(client: httpx.AsyncClient, room: str, found: Limit) -> None:
    began = time.monotonic()
    stopped = await client.post("/api/recording/stop", json={"mint_id": room})
    found.stop_s.append(round(time.monotonic() - began, 3))
    stopped.raise_for_status()
    listed = (await client.get(f"/api/recordings?mint_id={room}")).raise_for_status().json()
    row = (await client.get(f"/api/recordings/{listed['recordings'][0]['id']}")).json()
    reading = await asyncio.to_thread(read, Path(row["output_path"]))
    found.audio_gaps += reading.audio_gaps
    found.outcomes.append(f"{row['state']}, {len(row['segments'])} segments")


async def _dropped(client: httpx.AsyncClient, rooms: list[str]) -> int:
    return sum([(await status_of(client, room))["frames_dropped"] or 0 for room in rooms])


async def status_of(client: httpx.AsyncClient, room: str) -> dict[str, Any]:
    """What the API says of the recording."""
    answer = (await client.get(f"/api/recording/status/{room}")).raise_for_status()
    return dict(answer.json())


def show_limit(found: list[Limit]) -> None:
    """A column for each pipeline."""
    table = Table(title="At the limit, 720p30, publishers and LiveKit on the same machine")
    table.add_column("figure")
    for one in found:
        table.add_column(one.pipeline, justify="right")
    rows = {
        "recordings": [str(one.recordings) for one in found],
        "ended by": [one.ended_by for one in found],
        "speed steps": [", ".join(one.steps) for one in found],
        "busy cores": [str(one.busy_cores) for one in found],
        "frames dropped": [f"{one.dropped} in {one.held_s:g} s" for one in found],
        "… while a core was taken away": [str(one.foreign_dropped) for one in found],
        "… back at full rate after, s": [str(one.back_s) for one in found],
        "gaps in the audio": [str(one.audio_gaps) for one in found],
        "outcomes": ["; ".join(one.outcomes) for one in found],
        "/start, s": [_range(one.start_s) for one in found],
        "/stop, s": [_range(one.stop_s) for one in found],
    }
    for path in found[0].api_ms:
        rows[f"{path}, ms (median, p99)"] = [str(one.api_ms.get(path)) for one in found]
    for name, values in rows.items():
        table.add_row(name, *values)
    Console().print(table)


def _range(values: list[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}" if values else "-"
