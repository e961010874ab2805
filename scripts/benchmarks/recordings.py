"""Recordings of a LiveKit room, read again; and the API beside them; part of ./scripts/bench.

Everything is measured in this run: frames by the numbers in the frames, CPU and memory by
psutil's samples in the catalog, times by the clock.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import httpx
from rich.console import Console
from rich.table import Table

from orchestrator.catalog.models import Recording, Sample
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from scripts.benchmarks.answers import latencies_ms
from tests.kit.api.serving import serving
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server
from tests.kit.signals.reading import Reading, read

FPS: Final = 30
ANSWERS: Final = 100
SIZE: Final = "1280x720"


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
    """Wait until the room can be found, and a little for its frames to come."""
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
