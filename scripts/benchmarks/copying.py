"""What copying costs: beside a bare aiortc receiver, and many at once; part of ./scripts/bench."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av
import httpx
import psutil
from rich.console import Console
from rich.table import Table

from scripts.benchmarks.limit import client_of, status_of
from scripts.benchmarks.receiving.receivers import started, watch
from tests.kit.livekit.many_rooms import many_rooms, room_name
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server
from tests.kit.recordings.machine import Machine

ROOM: Final = "copying"
SETTLE_S: Final = 5
ROUNDS: Final = 2
MOST_ROUNDS: Final = 5
LEAST_SHARE: Final = 0.9
SIZE: Final = "640x360"
KBPS: Final = 500


@dataclass
class Copying:
    """One round: bare aiortc, which decodes, and a copy of the same stream at the same time."""

    bare_cores: float
    bare_frames: int
    """Of video, which the bare receiver decoded."""
    copy_cores: float
    copy_rss_mb: float
    pss_mb: float
    frames: int
    """In the file."""
    span_s: float
    """From the file's first to its last frame."""
    first_frame_s: float
    stop_s: float

    @property
    def ratio(self) -> float:
        """The copy's CPU by the bare receiver's."""
        return self.copy_cores / self.bare_cores


async def measure_copying(server: Server, seconds: float, folder: Path) -> list[Copying]:
    """A 720p30 room with audio, some rounds of it."""
    found = []
    machine = Machine(folder, server)
    machine.settings["WORKER_IN_RESERVE"] = "true"
    options = ("--size", "1280x720", "--prepare", "60", "--pad-kbps", "2000")
    async with publishing(server, ROOM, *options), client_of(machine) as client:
        for number in range(MOST_ROUNDS):
            one = await _round(client, server, seconds, folder / f"bare {number}")
            # Where the bare receiver missed the first keyframe there is nothing to compare with.
            if one.bare_frames >= LEAST_SHARE * one.frames:
                found.append(one)
            if len(found) == ROUNDS:
                break
    return found


async def _round(
    client: httpx.AsyncClient, server: Server, seconds: float, nowhere: Path
) -> Copying:
    bare = await started("aiortc", server, nowhere, ROOM)
    await asyncio.sleep(SETTLE_S)
    row = await _start(client, ROOM)
    pid = _worker(row)
    (copy, rss_mb), (bare_cores, _) = await asyncio.gather(
        watch(pid, seconds), watch(bare.pid, seconds)
    )
    pss_mb = await asyncio.to_thread(_pss_mb, pid)
    row = await status_of(client, ROOM)
    began = time.monotonic()
    await _stop(client, ROOM)
    stop_s = time.monotonic() - began
    said, _ = await bare.communicate(b"")
    times = await asyncio.to_thread(video_times, Path(row["output_path"]))
    return Copying(
        bare_cores=bare_cores,
        bare_frames=json.loads(said).get("video", 0),
        copy_cores=copy,
        copy_rss_mb=rss_mb,
        pss_mb=pss_mb,
        frames=len(times),
        span_s=times[-1] - times[0],
        first_frame_s=row["figures"]["first_frame_s"],
        stop_s=round(stop_s, 3),
    )


async def _start(client: httpx.AsyncClient, room: str) -> dict[str, Any]:
    wish = {"mint_id": room, "pipeline": "copy"}
    (await client.post("/api/recording/start", json=wish)).raise_for_status()
    while True:
        row = await status_of(client, room)
        figures = row["figures"] or {}
        if figures.get("duration_s") and figures["processes"]["worker"]:
            return row
        await asyncio.sleep(0.1)


def _worker(row: dict[str, Any]) -> int:
    return int(row["figures"]["processes"]["worker"]["pid"])


async def _stop(client: httpx.AsyncClient, room: str) -> None:
    (await client.post("/api/recording/stop", json={"mint_id": room})).raise_for_status()


def video_times(file: Path) -> list[float]:
    """Seconds of each frame of a file's video."""
    with av.open(str(file)) as container:
        packets = (packet for packet in container.demux(video=0) if packet.size)
        return [float((packet.pts or 0) * packet.time_base) for packet in packets]


def _pss_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_full_info().pss) / 1e6


def show_copying(found: list[Copying]) -> None:
    """A row for each round."""
    table = Table(title="Copying a 720p30 room beside a bare aiortc receiver that decodes")
    for column in ("copy, cores", "aiortc, cores", "ratio", "PSS MB", "frames/s", "first", "stop"):
        table.add_column(column, justify="right")
    for one in found:
        table.add_row(
            f"{one.copy_cores:.3f}",
            f"{one.bare_cores:.3f}",
            f"{one.ratio:.2f}",
            f"{one.pss_mb:.0f}",
            f"{(one.frames - 1) / one.span_s:.2f}",
            f"{one.first_frame_s:.2f} s",
            f"{one.stop_s:.2f} s",
        )
    Console().print(table)


@dataclass
class Copies:
    """Many at once."""

    recordings: int
    busy_cores: float = 0
    """The whole machine, LiveKit's server and the publishers as well."""
    worker_cores: float = 0
    """All workers together."""
    pss_mb: list[float] = field(default_factory=list)
    """Of each worker, smallest first."""
    frames_missing: list[int] = field(default_factory=list)
    """Of each file, by the gaps between its frames."""
    lost_packets: int = 0


async def measure_copies(server: Server, seconds: float, folder: Path, count: int) -> Copies:
    """So many rooms, each recorded, for so long."""
    found = Copies(count)
    machine = Machine(folder, server)
    machine.settings["WORKER_IN_RESERVE"] = "true"
    async with many_rooms(server, count, SIZE, KBPS), client_of(machine) as client:
        rows = [await _start(client, room_name(number)) for number in range(count)]
        await asyncio.sleep(SETTLE_S)
        workers = [psutil.Process(_worker(row)) for row in rows]
        before = sum(sum(worker.cpu_times()[:2]) for worker in workers)
        psutil.cpu_percent()
        await asyncio.sleep(seconds)
        found.busy_cores = round(psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1), 2)
        used = sum(sum(worker.cpu_times()[:2]) for worker in workers) - before
        found.worker_cores = round(used / seconds, 2)
        found.pss_mb = await asyncio.to_thread(lambda: sorted(_pss_mb(w.pid) for w in workers))
        rows = [await status_of(client, room_name(number)) for number in range(count)]
        found.lost_packets = sum(row["packets_lost"] or 0 for row in rows)
        for number in range(count):
            await _stop(client, room_name(number))
        for row in rows:
            times = await asyncio.to_thread(video_times, Path(row["output_path"]))
            found.frames_missing.append(_missing(times))
    return found


def _missing(times: list[float]) -> int:
    """How many frames of 30 a second would fit into the gaps; close ones make up for none."""
    return sum(max(round((after - at) * 30) - 1, 0) for at, after in pairwise(times))


def show_copies(found: Copies) -> None:
    """What came of it."""
    missing = found.frames_missing
    table = Table("figure", "value", title=f"{found.recordings} rooms of {SIZE} copied at once")
    rows = {
        "machine, cores": str(found.busy_cores),
        "workers together, cores": str(found.worker_cores),
        "PSS of a worker, median and most, MB": f"{statistics.median(found.pss_mb):.0f},"
        f" {max(found.pss_mb):.0f}",
        "files with a frame missing": f"{sum(map(bool, missing))}, {sum(missing)} frames",
        "packets lost": str(found.lost_packets),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    Console().print(table)
