"""Whether memory stays as it is; part of ./scripts/bench.

A server as people run it and a recording of each pipeline, with somebody who looks: each minute's
median of what every process has resident, against the third minute's (until then caches fill).
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server
from tests.kit.recordings.machine import Machine, ServerProcess

WARM: Final = 3
"""Minutes that caches have to fill."""

LOOK_S: Final = 2.0


async def measure_soak(
    server: Server, folder: Path, minutes: float, size: str, pipelines: list[str]
) -> dict[str, list[float]]:
    """Resident memory in MB by role, one median for each minute."""
    await asyncio.to_thread(folder.mkdir)
    machine = Machine(folder, server)
    machine.settings["WORKER_IN_RESERVE"] = "true"
    async with AsyncExitStack() as stack:
        for pipeline in pipelines:
            await stack.enter_async_context(publishing(server, pipeline, "--size", size))
        serving = await stack.enter_async_context(machine.serving())
        names = {await _start(serving, each): each for each in pipelines}
        found = await _minutes(serving, minutes, names)
        for pipeline in pipelines:
            await serving.post("/api/recording/stop", mint_id=pipeline)
    return found


async def _start(serving: ServerProcess, pipeline: str) -> str:
    """In the room that is called like it; the recording's id."""
    if pipeline == "copy":
        return await serving.start_copy(pipeline)
    return await serving.start(pipeline, output_format=pipeline)


async def _minutes(
    serving: ServerProcess, minutes: float, names: dict[str, str]
) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    began_s = time.monotonic()
    while len(found["server"]) < round(minutes):
        ends_s = began_s + 60 * (len(found["server"]) + 1)
        seen: dict[str, list[float]] = defaultdict(list)
        while time.monotonic() < ends_s:
            for process in (await serving.get("/api/processes"))["processes"]:
                whose = names.get(process["recording_id"] or "", "")
                waits = process["state"] == "waiting"
                name = "zygote" if waits else f"{process['role']} {whose}".strip()
                seen[name].append((process["rss_bytes"] or 0) / 1e6)
            await asyncio.sleep(LOOK_S)
        for name, values in seen.items():
            found[name].append(round(statistics.median(values), 1))
    return dict(found)


def show_soak(found: dict[str, list[float]]) -> None:
    """A row for each role."""
    table = Table(title=f"Resident memory over {len(found['server'])} minutes, MB")
    for name in ("process", f"minute {WARM}", "least since", "most since", "last", "change"):
        table.add_column(name, justify="left" if name == "process" else "right")
    for role, values in found.items():
        first, later = values[WARM - 1], values[WARM - 1 :]
        cells = [first, min(later), max(later), later[-1]]
        change = f"{100 * (later[-1] / first - 1):+.1f} %"
        table.add_row(role, *(f"{cell:.0f}" for cell in cells), change)
    Console().print(table)
