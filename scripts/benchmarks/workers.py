"""What workers take of the memory: waiting, and recording; part of ./scripts/bench.

PSS is a process's share of its memory, USS what it shares with no other (proc(5), smaps_rollup).
Recordings once with workers that a zygote forked, once with workers that were started alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console
from rich.table import Table

from orchestrator.server.spawning import STDERR
from orchestrator.server.zygote import Zygote
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server
from tests.kit.recordings.machine import Machine, ServerProcess

COUNTS: Final = (1, 10, 40)
"""Of workers that wait for a job."""

SIZE: Final = "320x180"
SETTLE_S: Final = 10.0
LOOKS: Final = 3


@dataclass(frozen=True)
class Memory:
    """MB of each worker, the median of all, and of their zygote."""

    what: str
    workers: int
    pss: float
    uss: float
    zygote_pss: float | None = None


async def measure_workers(
    server: Server, folder: Path, rooms: int, pipeline: str, seconds: float
) -> list[Memory]:
    """Waiting and recording."""
    found = [await asyncio.to_thread(_waiting, count) for count in COUNTS]
    await asyncio.to_thread(folder.mkdir)
    names = [f"memory {number}" for number in range(rooms)]
    async with AsyncExitStack() as stack:
        for name in names:
            await stack.enter_async_context(publishing(server, name, "--size", SIZE))
        for forked in (True, False):
            at = folder / f"forked {forked}"
            await asyncio.to_thread(at.mkdir)
            machine = Machine(at, server)
            machine.settings["WORKER_IN_RESERVE"] = str(forked)
            found += await _recording(machine, names, pipeline, seconds)
    return found


def _waiting(count: int) -> Memory:
    zygote = Zygote(signal.SIGUSR1)
    reading, writing = os.pipe()
    try:
        pids = [zygote.worker(reading, STDERR)]  # that waits for the imports
        began = time.monotonic()
        pids += [zygote.worker(reading, STDERR) for _ in range(count)]
        took_ms = 1e3 * (time.monotonic() - began) / count
        time.sleep(1)
        workers = [pid for pid in pids if pid is not None]
        return _memory(f"waiting, each forked in {took_ms:.0f} ms", workers[1:], zygote.pid)
    finally:
        os.close(writing)
        os.close(reading)
        zygote.close()
        os.waitpid(zygote.pid, 0)


async def _recording(
    machine: Machine, rooms: list[str], pipeline: str, seconds: float
) -> list[Memory]:
    """At the beginning, and later."""
    found = []
    async with machine.serving() as serving:
        await asyncio.sleep(SETTLE_S)
        for room in rooms:
            await serving.post("/api/recording/start", mint_id=room, pipeline=pipeline)
        for _ in range(LOOKS):
            await asyncio.sleep(seconds / LOOKS)
            found.append(await _now(serving, pipeline))
        for room in rooms:
            await serving.post("/api/recording/stop", mint_id=room)
    return found


async def _now(serving: ServerProcess, pipeline: str) -> Memory:
    workers, zygote = [], None
    for process in (await serving.get("/api/processes"))["processes"]:
        if process["role"] == "worker":
            if process["state"] == "waiting":
                zygote = process["pid"]
            else:
                workers.append(process["pid"])
    how = "alone" if zygote is None else "forked"
    return _memory(f"recording {pipeline}, {how}", workers, zygote)


def _memory(what: str, workers: list[int], zygote: int | None) -> Memory:
    used = [psutil.Process(pid).memory_full_info() for pid in workers]
    return Memory(
        what,
        len(workers),
        _mb([each.pss for each in used]),
        _mb([each.uss for each in used]),
        None if zygote is None else _mb([psutil.Process(zygote).memory_full_info().pss]),
    )


def _mb(values: list[int]) -> float:
    return round(statistics.median(values) / 1e6, 1)


def show_workers(found: list[Memory]) -> None:
    """A row for each look."""
    table = Table(title="Memory of workers, MB (median)")
    for name in ("workers", "number", "PSS", "USS", "zygote, PSS"):
        table.add_column(name, justify="left" if name == "workers" else "right")
    for one in found:
        zygote = "" if one.zygote_pss is None else f"{one.zygote_pss:.0f}"
        table.add_row(one.what, str(one.workers), f"{one.pss:.1f}", f"{one.uss:.1f}", zygote)
    Console().print(table)
