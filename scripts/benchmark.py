"""Records a real LiveKit room and reads the files again; what ./scripts/bench runs.

Everything is measured in this run: frames by the numbers in the pictures, CPU and memory by
psutil's samples in the catalog, times by the clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmark_answers import latencies_ms
from benchmark_encoding import Film, measure_encoding, show_encoding
from benchmark_limit import Limit, measure_limit, show_limit
from benchmark_monitor import measure_monitor
from benchmark_picture import picture
from benchmark_receivers import measure_receivers, show_receivers
from benchmark_soak import measure_soak, show_soak
from benchmark_start import measure_start, show_start
from benchmark_timing import measure_timing, show_timing

from orchestrator.catalog.models import Recording, Sample
from orchestrator.recordings.manager import Manager, create_manager
from orchestrator.recordings.request import StartRequest
from tests.api.serving import serving
from tests.publishing import publishing
from tests.reading import Reading, read
from tests.rooms import Server, server_binary, settings_of

FPS = 30
ANSWERS = 100
SIZE = "1280x720"


@dataclass
class Result:
    """One recording, measured."""

    pipeline: str
    frames_sent: int
    """Between the first and the last recorded, both included."""
    frames_missing: int
    once_and_in_order: bool
    duration_error_s: float
    """Of the video, against the frames' numbers."""
    audio_gaps: int
    audio_minus_video_s: float
    dropped: int
    first_frame_s: float
    """From /start to the first frame in the pipe."""
    start_s: float
    stop_s: float
    worker_cores: float
    ffmpeg_cores: float
    worker_rss_mb: float
    ffmpeg_rss_mb: float
    av_offset_ms: float | None
    av_spread_ms: float | None
    size_bytes: int


async def measure(manager: Manager, server: Server, pipeline: str, seconds: float) -> Result:
    """Record one room for so long and read the file."""
    room = f"bench {pipeline}"
    async with publishing(server, room, "--size", SIZE):
        await until_live(manager, room)
        began = time.monotonic()
        await manager.start(StartRequest(room, pipeline=pipeline))
        start_s = time.monotonic() - began
        await asyncio.sleep(seconds)
        began = time.monotonic()
        ended = await manager.stop(room)
        stop_s = time.monotonic() - began
    reading = await asyncio.to_thread(read, Path(ended.output_path))
    samples = await manager.catalog.samples(ended.id, 10_000)
    return result(ended, reading, samples, start_s, stop_s)


async def until_live(manager: Manager, room: str) -> None:
    """Wait until the room can be found, and a little for its pictures to come."""
    async with asyncio.timeout(30):
        while not any(s.id == room for s in await manager.directory.live(100)):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    await asyncio.sleep(3)


def result(
    ended: Recording, reading: Reading, samples: list[Sample], start_s: float, stop_s: float
) -> Result:
    """The figures of one recording."""
    numbers = reading.numbers
    sent = numbers[-1] - numbers[0] + 1
    offsets = sorted(reading.offsets_s[1:])
    return Result(
        pipeline=ended.pipeline,
        frames_sent=sent,
        frames_missing=reading.missing,
        once_and_in_order=reading.in_order_and_once,
        duration_error_s=(reading.codes[-1][0] - reading.codes[0][0]) - (sent - 1) / FPS,
        audio_gaps=reading.audio_gaps,
        audio_minus_video_s=reading.audio_end_s - reading.video_end_s,
        dropped=ended.figures["video"]["dropped"],
        first_frame_s=ended.figures["first_frame_s"],
        start_s=start_s,
        stop_s=stop_s,
        worker_cores=cores(samples, "worker"),
        ffmpeg_cores=cores(samples, "ffmpeg"),
        worker_rss_mb=peak_mb(samples, "worker"),
        ffmpeg_rss_mb=peak_mb(samples, "ffmpeg"),
        av_offset_ms=1e3 * statistics.median(offsets) if offsets else None,
        av_spread_ms=1e3 * (offsets[-1] - offsets[0]) if offsets else None,
        size_bytes=ended.size_bytes or 0,
    )


def cores(samples: list[Sample], role: str) -> float:
    """Cores in use, without the first five seconds."""
    of_role = [s for s in samples if s.role == role][5:]
    passed = (of_role[-1].at - of_role[0].at).total_seconds()
    return (of_role[-1].cpu_seconds - of_role[0].cpu_seconds) / passed


def peak_mb(samples: list[Sample], role: str) -> float:
    """Highest resident memory."""
    return max(s.rss_bytes for s in samples if s.role == role) / 1e6


async def measure_api(manager: Manager, server: Server) -> dict[str, float]:
    """Answers in ms while three rooms are recorded; small ones, as publishers need CPU."""
    rooms = [f"api {n}" for n in range(3)]
    paths = [f"/api/recording/status/{rooms[0]}", "/api/recording/active", "/api/recordings"]
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(manager))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30))
        for room in rooms:
            await stack.enter_async_context(publishing(server, room, "--size", "320x180"))
            await until_live(manager, room)
            await manager.start(StartRequest(room, "mp4", None, "low", "low"))
        found = {
            path: statistics.median(await latencies_ms(client, path, ANSWERS)) for path in paths
        }
        await asyncio.gather(*map(manager.stop, rooms))
    return found


def show(results: list[Result]) -> None:
    """A row for each figure, a column for each pipeline."""
    table = Table(title=f"{SIZE} at {FPS} fps, VP8 and Opus, LiveKit on the same machine")
    table.add_column("figure")
    for one in results:
        table.add_column(one.pipeline, justify="right")
    for name in list(asdict(results[0]))[1:]:
        values = [getattr(one, name) for one in results]
        table.add_row(name, *(f"{v:.3f}" if isinstance(v, float) else str(v) for v in values))
    Console().print(table)


def machine() -> dict[str, Any]:
    """What it was measured on."""
    return {
        "python": platform.python_version(),
        "processor": platform.processor() or platform.machine(),
        "cores": psutil.cpu_count(),
        "load_before": psutil.getloadavg()[0],
    }


@asynccontextmanager
async def prepared(folder: Path) -> AsyncIterator[tuple[Callable[[], Manager], Server]]:
    """A LiveKit server, and managers for it."""
    binary = server_binary()
    assert binary is not None, "no LiveKit server: run scripts/livekit-server"
    server = Server(binary, folder / "livekit.log")
    await asyncio.to_thread(server.start)
    settings = settings_of(server.url, folder)
    try:
        yield lambda: create_manager(settings), server
    finally:
        await asyncio.to_thread(server.stop)


async def run(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All that was asked for."""
    found: dict[str, Any] = {"machine": machine()}
    if arguments.timing:
        found["timing"] = await measure_timing(arguments.seconds)
        show_timing(found["timing"], f"{SIZE} at {FPS} fps")
        return found
    if arguments.monitor:
        return found | {"monitor": await measure_monitor(folder)}
    async with prepared(folder) as (make, server):
        if arguments.soak:
            found["soak"] = await measure_soak(server, folder / "soak", arguments.soak, "320x180")
            show_soak(found["soak"])
            return found
        if arguments.start:
            start = await measure_start(server, folder)
            show_start(start)
            return found | {"start": [asdict(one) for one in start]}
        if arguments.limit:
            limit = await limits(server, folder, arguments)
            show_limit(limit)
            return found | {"limit": [asdict(one) for one in limit]}
        manager = make()
        await manager.open()
        try:
            found |= await measured(manager, server, folder, arguments)
        finally:
            await manager.close()
        if arguments.api or "recordings" in found:
            found["api_median_ms"] = await measure_api(make(), server)
    return found


async def measured(
    manager: Manager, server: Server, folder: Path, arguments: argparse.Namespace
) -> dict[str, Any]:
    """What needs one open manager."""
    seconds, pipelines = arguments.seconds, arguments.formats.split(",")
    if arguments.api:
        return {}
    if arguments.receivers:
        costs = await measure_receivers(manager, server, seconds, folder)
        show_receivers(costs)
        return {"receivers": [asdict(cost) for cost in costs]}
    if arguments.encoding:
        film = await asyncio.to_thread(Film, folder, arguments.film, round(seconds) + 40)
        encodings = [await measure_encoding(manager, server, film, p, seconds) for p in pipelines]
        show_encoding(encodings)
        return {"encoding": [asdict(one) for one in encodings]}
    results = [await measure(manager, server, name, seconds) for name in pipelines]
    show(results)
    return {"recordings": [asdict(one) for one in results]}


async def limits(server: Server, folder: Path, arguments: argparse.Namespace) -> list[Limit]:
    """How many recordings at once, with each pipeline."""
    film = await asyncio.to_thread(Film, folder, arguments.film, round(arguments.seconds) + 200)
    how = {"hold_s": arguments.seconds, "cpu_limit": arguments.cpu_limit}
    return [
        await measure_limit(server, folder / name, name, prepared=film.file, **how)
        for name in arguments.formats.split(",")
    ]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--formats", default="av1,mp4,webm,av1-svt", help="pipelines, by name")
    parser.add_argument("--api", action="store_true", help="only the API's answers")
    parser.add_argument("--monitor", action="store_true", help="only what monitoring costs")
    parser.add_argument("--start", action="store_true", help="only how long start and stop take")
    parser.add_argument("--timing", action="store_true", help="only how true the times are")
    parser.add_argument("--receivers", action="store_true", help="only what receiving costs")
    parser.add_argument("--encoding", action="store_true", help="only ffmpeg's CPU, and VMAF")
    parser.add_argument("--limit", action="store_true", help="only how many recordings at once")
    parser.add_argument("--cpu-limit", type=float, default=0.85, help="setting for --limit")
    parser.add_argument("--film", type=Path, help="what --encoding and --limit send")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="only what memory is used")
    parser.add_argument("--picture", type=Path, help="also draw the figures into this file (SVG)")
    parser.add_argument("--json", type=Path, help="also write the figures into this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="haven-bench-") as folder:
        found = asyncio.run(run(arguments, Path(folder)))
    text = json.dumps(found, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")
    if arguments.picture:
        arguments.picture.write_text(picture(found) + "\n")


if __name__ == "__main__":
    main()
