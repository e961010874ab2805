"""What receiving costs beside other receivers of the same stream; part of ./scripts/bench."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import psutil
from rich.console import Console
from rich.table import Table

from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server

ROOM: Final = "receivers"
SETTLE_S: Final = 5
ROUNDS: Final = 2

OTHERS: Final = {
    "aiortc": "bare aiortc, frames dropped",
    "encoded": "our source, frames as they came, dropped",
    "livekit": "livekit SDK, frames dropped",
    "recorder": "aiortc's MediaRecorder, .mp4",
}
"""Names of receiver_programs."""

OURS: Final = "ours"


@dataclass
class Cost:
    """One receiver, measured once."""

    name: str
    cores: float
    rss_mb: float
    frames: int
    """Those that came (or stand in the file)."""
    lasted_s: float
    """For how long it was there."""


async def measure_receivers(
    manager: Manager, server: Server, seconds: float, folder: Path
) -> list[Cost]:
    """All of them at once on one stream: what else the machine does hits all alike."""
    found: list[Cost] = []
    options = ("--size", "1280x720", "--prepare", "60")
    async with publishing(server, ROOM, *options):
        for _ in range(ROUNDS):
            found += await _together(manager, server, seconds, folder)
    return found


async def _together(manager: Manager, server: Server, seconds: float, folder: Path) -> list[Cost]:
    others, joined = {}, {}
    for name in OTHERS:
        others[name] = await started(name, server, folder / f"{name}.mp4")
        joined[name] = time.monotonic()
        # One after the other: bare aiortc loses the video if it is slow to join.
        await asyncio.sleep(SETTLE_S)
    row = await manager.start(StartRequest(ROOM, "mp4"))
    assert row.worker_pid is not None
    pids = (row.worker_pid, *(other.pid for other in others.values()))
    ours, *costs = await asyncio.gather(*(watch(pid, seconds) for pid in pids))
    now = await manager.get(row.id)
    await manager.stop(ROOM)
    found = [Cost(OURS, *ours, now.figures["video"]["received"], now.figures["duration_s"])]
    for (name, other), cost in zip(others.items(), costs, strict=True):
        lasted_s = time.monotonic() - joined[name]
        out, _ = await other.communicate(b"")
        came = json.loads(out or b"{}").get("video", 0)
        if name == "recorder":
            came = await asyncio.to_thread(_frames, folder / f"{name}.mp4")
        found.append(Cost(name, *cost, came, lasted_s))
    return found


PROGRAMS: Final = "scripts.benchmarks.receiving.receiver_programs"


async def started(
    name: str, server: Server, file: Path, room: str = ROOM
) -> asyncio.subprocess.Process:
    """One of `OTHERS`, in a process of its own."""
    token = server.token(room, f"bench {name}")
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", PROGRAMS, name, server.url, token, str(file)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def watch(pid: int, seconds: float) -> tuple[float, float]:
    """Cores in use and the most memory, of a process that has settled; in cores and MB."""
    process = psutil.Process(pid)
    await asyncio.sleep(SETTLE_S)
    before, rss = sum(process.cpu_times()[:2]), 0
    for _ in range(round(seconds)):
        await asyncio.sleep(1)
        rss = max(rss, process.memory_info().rss)
    return (sum(process.cpu_times()[:2]) - before) / seconds, rss / 1e6


def _frames(file: Path) -> int:
    try:
        with av.open(str(file)) as container:
            return sum(1 for _ in container.decode(video=0))
    except (av.FFmpegError, IndexError):  # no file, or no video in it
        return 0


def show_receivers(found: list[Cost]) -> None:
    """A row for each, with how much of it ours is."""
    by_name = {name: [c for c in found if c.name == name] for name in (OURS, *OTHERS)}
    ours = statistics.mean(c.cores for c in by_name[OURS])
    table = Table(title="Receiving and decoding one 720p30 stream")
    for column in ("receiver", "cores", "ours / it", "memory MB", "frames/s"):
        table.add_column(column, justify="left" if column == "receiver" else "right")
    for name, costs in by_name.items():
        cores = statistics.mean(c.cores for c in costs)
        table.add_row(
            OTHERS.get(name, "our worker, without its ffmpeg"),
            f"{cores:.3f}",
            f"{ours / cores:.2f}",
            f"{max(c.rss_mb for c in costs):.0f}",
            " ".join(f"{c.frames / c.lasted_s:.0f}" for c in costs),
        )
    Console().print(table)
