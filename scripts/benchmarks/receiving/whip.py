"""Publishers that send by WHIP: how soon they are connected, what of them is recorded, and when.

./scripts/bench whip [--seconds 30] [--json FILE]

The bundled ffmpeg publishes a film of numbered frames with a flash and a beep each second, 720p30;
each pipeline records it by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from scripts.benchmarks.machine import machine
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.signals.reading import read
from tests.kit.whip.publishing import Publisher, film, holder_of, publishing, taking, until_live

SIZE: Final = (1280, 720)
FPS: Final = 30
PIPELINES: Final = ("copy", "mp4")
IDLE_S: Final = 10.0

_CONNECTED: Final = re.compile(r"Muxer state=10.* elapsed=([\d.]+)ms")
"""What ffmpeg's muxer logs when it begins to send; counted from its own beginning."""


async def measure(server: ServerProcess, host: Machine, path: Path, seconds: float) -> list[Any]:
    """A recording by each pipeline, of a publisher each."""
    found = []
    for pipeline in PIPELINES:
        async with publishing(server.url, "bench", path, log_level="debug") as publisher:
            found.append(await _one(server, host, publisher, pipeline, seconds))
    return found


async def _one(
    server: ServerProcess, host: Machine, publisher: Publisher, pipeline: str, seconds: float
) -> dict[str, Any]:
    await until_live(host, "bench")
    holder = holder_of(host, server.process.pid)
    idle_cores = await _cores(holder, IDLE_S)
    asked = time.monotonic()
    answer = await server.post("/api/recording/start", mint_id="bench", pipeline=pipeline)
    started_s = time.monotonic() - asked
    cores = await _cores(holder, seconds)
    row = await server.recording(answer["id"])
    stopped = await server.post("/api/recording/stop", mint_id="bench")
    said = await publisher.leave()
    connected = _CONNECTED.search(said)
    reading = await asyncio.to_thread(read, Path(stopped["final_path"]))
    numbers = reading.numbers
    sent = numbers[-1] - numbers[0] + 1
    offsets_ms = [1000 * each for each in reading.offsets_s]
    return {
        "pipeline": pipeline,
        "connected_ms": float(connected[1]) if connected else None,
        "start_s": round(started_s, 3),
        "recorded_s": row["duration_seconds"],
        "frames_sent": sent,
        "frames_missing_percent": round(100 * reading.missing / sent, 3),
        "in_order": reading.in_order,
        "audio_gaps": reading.audio_gaps,
        "audio_after_video_ms": [round(at(offsets_ms), 1) for at in (min, median, max)],
        "idle_cores": round(idle_cores, 4),
        "worker_cores": round(cores, 4),
    }


async def _cores(process: psutil.Process, seconds: float) -> float:
    before, began = process.cpu_times(), time.monotonic()
    await asyncio.sleep(seconds)
    after, passed = process.cpu_times(), time.monotonic() - began
    return (after.user + after.system - before.user - before.system) / passed


async def run(folder: Path, seconds: float) -> dict[str, Any]:
    """With a server of its own."""
    host = Machine(folder)
    taking(host, "bench")
    path = await asyncio.to_thread(film, folder, round(seconds + IDLE_S + 15), SIZE)
    async with host.serving() as server:
        async with publishing(server.url, "bench", path):  # the zygote imports meanwhile
            await until_live(host, "bench")
        await until_live(host, "bench", live=False)
        return {"machine": machine(), "whip": await measure(server, host, path, seconds)}


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="bench whip", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json", type=Path, help="also write the figures into this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="haven-bench-") as folder:
        found = asyncio.run(run(Path(folder), arguments.seconds))
    text = json.dumps(found, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
