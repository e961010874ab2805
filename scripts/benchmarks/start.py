"""How long a start and a stop take; part of ./scripts/bench.

The publisher's frames are encoded as they go, so that it answers a request for a keyframe, as
a browser does. The server is one as people run it: a zygote forks the workers.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from orchestrator.catalog.store import Catalog
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server
from tests.kit.recordings.machine import Machine

ROOM: Final = "start"
ROUNDS: Final = 10
BETWEEN_S: Final = 4.0
"""In which the zygote imports what workers need."""


@dataclass
class Start:
    """Seconds, of each round."""

    reserve: bool
    pipeline: str
    first_frame_s: list[float] = field(default_factory=list)
    """From its entry in the catalog to the first frame on its way to ffmpeg, or into the file."""
    start_s: list[float] = field(default_factory=list)
    """Until /start answers: ffmpeg has encoded a frame."""
    stop_s: list[float] = field(default_factory=list)
    """Until /stop answers: the file is final and read back."""


async def measure_start(server: Server, folder: Path) -> list[Start]:
    """With workers that are forked, and that start alone; of one that encodes, and a copy."""
    found = []
    options = ("--size", "640x360", "--simulcast")
    async with publishing(server, ROOM, *options):
        for reserve, pipeline in ((True, "mp4"), (False, "mp4"), (True, "copy")):
            at = folder / f"{pipeline}, reserve {reserve}"
            await asyncio.to_thread(at.mkdir)
            found.append(await _rounds(server, at, Start(reserve, pipeline)))
    return found


async def _rounds(server: Server, folder: Path, found: Start) -> Start:
    machine = Machine(folder, server)
    machine.settings["WORKER_IN_RESERVE"] = str(found.reserve)
    async with machine.serving() as serving:
        catalog = Catalog(machine.settings["DATABASE_URL"])
        await catalog.open(migrate=False)
        for _ in range(ROUNDS):
            await asyncio.sleep(BETWEEN_S)
            began = time.monotonic()
            await serving.post("/api/recording/start", mint_id=ROOM, pipeline=found.pipeline)
            found.start_s.append(round(time.monotonic() - began, 3))
            await asyncio.sleep(BETWEEN_S)
            began = time.monotonic()
            stopped = await serving.post("/api/recording/stop", mint_id=ROOM)
            found.stop_s.append(round(time.monotonic() - began, 3))
            (row,), _ = await catalog.history(limit=1, offset=0)
            assert row.output_path == stopped["output_path"]
            found.first_frame_s.append(row.figures["first_frame_s"])
        await catalog.close()
    return found


def show_start(found: list[Start]) -> None:
    """A row for each figure."""
    table = Table(title=f"Seconds, median and longest of {ROUNDS}")
    table.add_column("figure")
    for one in found:
        how = "worker forked" if one.reserve else "worker started alone"
        table.add_column(f"{one.pipeline}, {how}", justify="right")
    names = {
        "first_frame_s": "first frame",
        "start_s": "/start",
        "stop_s": "/stop",
    }
    for name, what in names.items():
        values = [getattr(one, name) for one in found]
        table.add_row(what, *(f"{statistics.median(v):.2f}, {max(v):.2f}" for v in values))
    Console().print(table)
