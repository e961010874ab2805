"""What it costs to record a publisher of RTMP, 720p30: the worker and the ffmpeg that reads;
and what decoding costs in the worker, and in ffmpeg with a pipe behind it.

.venv/bin/python -m scripts.benchmarks.addresses [--seconds 30]

An ffmpeg publishes a film of numbered frames with B-frames; each pipeline records it by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import tempfile
from collections import deque
from pathlib import Path
from statistics import median
from typing import Any, Final

import av
import imageio_ffmpeg

from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from scripts.benchmarks.machine import machine
from tests.kit.managing import managing
from tests.kit.ports import free_port
from tests.kit.recordings.waits import FPS, until_more
from tests.kit.signals.reading import read
from tests.kit.sources.url_sender import Film, sending

PIPELINES: Final = ("copy", "mp4")
LEAD_S: Final = 4
"""After the first frame, before anything is counted."""


async def measure(manager: Manager, pipeline: str, seconds: float) -> dict[str, Any]:
    """One recording."""
    await manager.start(StartRequest("studio", None, pipeline))
    await until_more(manager, "studio", LEAD_S * FPS)
    before = await _cpu_s(manager)
    await until_more(manager, "studio", round(seconds * FPS))
    after = await _cpu_s(manager)
    ended = await manager.stop("studio")
    reading = await asyncio.to_thread(read, Path(ended.output_path))
    offsets_ms = [1000 * each for each in reading.offsets_s]
    return {
        "pipeline": pipeline,
        "frames": len(reading.codes),
        "frames_missing": reading.missing,
        "audio_after_video_ms": [round(at(offsets_ms), 1) for at in (min, median, max)],
        "cores": {name: round((after[name] - before[name]) / seconds, 4) for name in before},
    }


def decoding(film: Path, seconds: float) -> dict[str, float]:
    """Cores at 30 frames a second: in this process, and in ffmpeg, whose raw frames are read."""
    began = _own_cpu_s()
    _decode(str(film))
    between = _own_cpu_s()
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-threads", "1", "-i", str(film)]
    raw = [*command, "-an", "-c:v", "rawvideo", "-f", "nut", "pipe:1"]
    with subprocess.Popen(raw, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        _decode(f"pipe:{process.stdout.fileno()}")
    ended = _own_cpu_s()
    return {
        "in the worker": round((between - began) / seconds, 4),
        "in ffmpeg, with a pipe": round((ended - between) / seconds, 4),
    }


def _decode(source: str) -> None:
    with av.open(source) as container:
        container.streams.video[0].codec_context.thread_count = 1
        deque(container.decode(video=0), maxlen=0)


def _own_cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


async def _cpu_s(manager: Manager) -> dict[str, float]:
    row = await manager.status("studio")
    assert row is not None
    processes = row.figures["processes"]
    return {name: each["cpu_seconds"] for name, each in processes.items() if each}


async def run(folder: Path, seconds: float) -> dict[str, Any]:
    """With a manager of its own."""
    film = Film(seconds=seconds + 30, size=(1280, 720))
    path = await asyncio.to_thread(film.make, folder / "film.mkv")
    decoded = await asyncio.to_thread(decoding, path, film.seconds)
    url, found = f"rtmp://127.0.0.1:{free_port()}/live/bench", []
    settings = Settings(
        output_directory=folder,
        database_url=f"sqlite:///{folder / 'catalog.db'}",
        discovery=["demo"],
        streams={"studio": StreamSettings.model_validate({"url": f"{url}?listen=1"})},
    )
    async with managing(settings) as manager:
        for pipeline in PIPELINES:
            async with sending(path, url):
                found.append(await measure(manager, pipeline, seconds))
    return {"machine": machine(), "addresses": found, "decoding": decoded}


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="bench addresses", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="haven-bench-") as folder:
        print(json.dumps(asyncio.run(run(Path(folder), arguments.seconds)), indent=2))


if __name__ == "__main__":
    main()
