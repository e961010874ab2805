"""How many recordings at once before frames are dropped; part of ./scripts/bench.

All are taken in, each with its pipeline's usual speed step: room after room, until a recording
drops a frame or gets fewer than are sent. Publishers and LiveKit's server run on the same
machine, so that one without them does more.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from scripts.benchmarks.limit import client_of, status_of
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server
from tests.kit.recordings.machine import Machine

MOST: Final = 12
"""Rooms; the film lasts that long, and a publisher would encode by itself after its end."""
SETTLE_S: Final = 8.0
HOLD_S: Final = 30.0
FULL_RATE: Final = 28.5
"""Of 30 frames a second; reports are a second apart."""


@dataclass
class Most:
    """What came of it."""

    pipeline: str
    recordings: int = 0
    """At once, while none dropped a frame and each got its full rate."""
    busy_cores: float | None = None
    """The whole machine, with so many."""
    ended_by: str = ""
    """What happened with one more."""
    rates: list[float] = field(default_factory=list)
    """Frames a second that each recording then got."""


async def measure_most(server: Server, folder: Path, pipeline: str, *, prepared: Path) -> Most:
    """One pipeline."""
    found = Most(pipeline)
    await asyncio.to_thread(folder.mkdir)
    machine = Machine(folder, server)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(client_of(machine))
        rooms: list[str] = []
        while not found.ended_by and len(rooms) < MOST:
            room = f"most {len(rooms)}"
            await stack.enter_async_context(publishing(server, room, "--prepared", str(prepared)))
            await asyncio.sleep(SETTLE_S)  # so that its frames come
            wish = {"mint_id": room, "pipeline": pipeline}
            answer = await client.post("/api/recording/start", json=wish)
            if answer.is_error:
                found.ended_by = f"{answer.status_code}: {answer.json()['error']}"
                break
            rooms.append(room)
            await _hold(client, rooms, found)
        for room in rooms:
            await client.post("/api/recording/stop", json={"mint_id": room})
    return found


async def _hold(client: httpx.AsyncClient, rooms: list[str], found: Most) -> None:
    await asyncio.sleep(SETTLE_S)
    began, before = time.monotonic(), await _counted(client, rooms)
    psutil.cpu_percent()
    await asyncio.sleep(HOLD_S)
    busy = round(psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1), 2)
    lasted_s, after = time.monotonic() - began, await _counted(client, rooms)
    dropped = sum(b[1] - a[1] for a, b in zip(before, after, strict=True))
    rates = [round((b[0] - a[0]) / lasted_s, 1) for a, b in zip(before, after, strict=True)]
    if dropped or min(rates) < FULL_RATE:
        found.rates = rates
        found.ended_by = f"{dropped} frames dropped in {HOLD_S:g} s, {min(rates)} a second came"
    else:
        found.recordings, found.busy_cores = len(rooms), busy


async def _counted(client: httpx.AsyncClient, rooms: list[str]) -> list[tuple[int, int]]:
    """Frames received and dropped, of each."""
    rows = [await status_of(client, room) for room in rooms]
    return [(row["frames_received"] or 0, row["frames_dropped"] or 0) for row in rows]


def show_most(found: list[Most]) -> None:
    """A row for each pipeline."""
    columns = ("pipeline", "at once", "busy cores", "one more")
    table = Table(*columns, title="Until frames are dropped, 720p30, publishers on the machine")
    for one in found:
        table.add_row(one.pipeline, str(one.recordings), str(one.busy_cores), one.ended_by)
    Console().print(table)
