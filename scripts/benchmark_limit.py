"""How many recordings this machine takes at once, and how quickly the API answers meanwhile.

Rooms are added one by one until a start is refused or a recording drops pictures. Publishers and
LiveKit's server run on the same machine and take their part of it.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import psutil
from benchmark_answers import latencies_ms
from rich.console import Console
from rich.table import Table

from orchestrator.recordings.manager import Manager
from tests.api.serving import serving
from tests.publishing import publishing
from tests.rooms import Server

ANSWERS: Final = 200
MOST: Final = 30
PATHS: Final = ("/api/recording/active", "/api/recordings", "/api/processes")


@dataclass
class Limit:
    """What came of it."""

    pipeline: str
    recordings: int = 0
    """At once, none of which dropped a picture while the last was held."""
    ended_by: str = ""
    """Why there is no more."""
    dropped: int = 0
    """Pictures, of all recordings up to the one that was too many."""
    busy_cores: float | None = None
    """The whole machine at that number."""
    start_s: list[float] = field(default_factory=list)
    stop_s: list[float] = field(default_factory=list)
    first_frame_s: list[float] = field(default_factory=list)
    api_ms: dict[str, list[float]] = field(default_factory=dict)
    """Median and 99th percentile by path."""


async def measure_limit(
    manager: Manager, server: Server, pipeline: str, hold_s: float, prepared: Path
) -> Limit:
    """Adds rooms until there are too many, then takes the API's times, then stops them all."""
    found = Limit(pipeline)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(manager))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=120))
        rooms: list[str] = []
        while not found.ended_by and len(rooms) < MOST:
            room = f"limit {len(rooms)}"
            await stack.enter_async_context(publishing(server, room, "--prepared", str(prepared)))
            await _add(client, room, found)
            if found.ended_by:
                break
            rooms.append(room)
            await _hold(client, rooms, hold_s, found)
        for path in (*PATHS, f"/api/recording/status/{rooms[0]}"):
            taken = await latencies_ms(client, path, ANSWERS)
            quantiles = (statistics.median(taken), float(np.percentile(taken, 99)))
            found.api_ms[path] = [round(each, 1) for each in quantiles]
        for room in rooms:
            began = time.monotonic()
            stopped = await client.post("/api/recording/stop", json={"mint_id": room})
            found.stop_s.append(round(time.monotonic() - began, 3))
            stopped.raise_for_status()
        ended, _ = await manager.history(limit=MOST, offset=0)
        found.first_frame_s = [row.figures["first_frame_s"] for row in ended if row.started_at]
    return found


async def _add(client: httpx.AsyncClient, room: str, found: Limit) -> None:
    await asyncio.sleep(3)  # so that its pictures come
    began = time.monotonic()
    wish = {"mint_id": room, "pipeline": found.pipeline}
    answer = await client.post("/api/recording/start", json=wish)
    if answer.is_error:
        found.ended_by = f"refused with {answer.status_code}: {answer.json()['detail']}"
        return
    found.start_s.append(round(time.monotonic() - began, 3))


async def _hold(client: httpx.AsyncClient, rooms: list[str], hold_s: float, found: Limit) -> None:
    psutil.cpu_percent()
    await asyncio.sleep(hold_s)
    busy = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
    active = await asyncio.gather(*(_status(client, room) for room in rooms))
    found.dropped = sum(one["frames_dropped"] or 0 for one in active)
    if found.dropped:
        found.ended_by = f"{len(rooms)} recordings dropped {found.dropped} pictures"
        return
    found.recordings, found.busy_cores = len(rooms), round(busy, 2)


async def _status(client: httpx.AsyncClient, room: str) -> dict[str, Any]:
    answer = (await client.get(f"/api/recording/status/{room}")).raise_for_status()
    return dict(answer.json())


def show_limit(found: list[Limit]) -> None:
    """A column for each pipeline."""
    table = Table(title="Recordings at once, 720p30, publishers and server on the same machine")
    table.add_column("figure")
    for one in found:
        table.add_column(one.pipeline, justify="right")
    rows = {
        "recordings": [str(one.recordings) for one in found],
        "ended by": [one.ended_by for one in found],
        "busy cores": [str(one.busy_cores) for one in found],
        "first frame in the pipe, s": [_range(one.first_frame_s) for one in found],
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
