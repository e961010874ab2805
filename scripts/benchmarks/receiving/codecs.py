"""What receiving each codec costs, beside the livekit SDK's receiver; part of ./scripts/bench."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from scripts.benchmarks.receiving.receivers import SETTLE_S, started, watch
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server
from tests.kit.signals.reading import read

PUBLISHED: Final = (
    ("vp8", ""),
    ("h264", ""),
    ("vp9", ""),
    ("vp9", "L3T3_KEY"),
    ("av1", ""),
    ("av1", "L3T3_KEY"),
)
"""Codec and layers. Without layers VP8, H.264 and VP9 are encoded beforehand, each with a keyframe
a second; the SDK encodes the others."""

SIZE: Final = "1280x720"

BESIDE_S: Final = 20
"""How long a recording's start, its end and reading it take at most."""


@dataclass
class Cost:
    """Our worker beside the SDK's receiver, on one stream at the same time."""

    codec: str
    layers: str
    pipeline: str
    ours_cores: float
    sdk_cores: float
    ours_fps: float
    sdk_fps: float
    frames: int
    """Numbers in the file."""
    missing: int
    """Between its first and last."""
    dropped: int
    """Of them those that our queue left out, as ffmpeg was behind."""
    offset_s: float
    """How much later beeps are than flashes, the median."""

    @property
    def ratio(self) -> float:
        """How many times theirs ours is."""
        return self.ours_cores / self.sdk_cores


async def measure_codecs(
    manager: Manager, server: Server, pipelines: list[str], seconds: float, folder: Path
) -> list[Cost]:
    """One codec after the other, each recorded by one pipeline after the other."""
    found = []
    for codec, layers in PUBLISHED:
        room = f"{codec} {layers}".strip()
        options = ["--size", SIZE, "--video", codec]
        if layers:
            options += ["--layers", layers]
        elif codec != "av1":
            options += ["--prepare", f"{len(pipelines) * (seconds + BESIDE_S):.0f}"]
        async with publishing(server, room, *options):
            for pipeline in pipelines:
                found.append(await _together(manager, server, pipeline, seconds, folder, room=room))
    return found


async def _together(
    manager: Manager, server: Server, pipeline: str, seconds: float, folder: Path, *, room: str
) -> Cost:
    sdk, joined_s = await started("livekit", server, folder / "none", room), time.monotonic()
    await asyncio.sleep(SETTLE_S)
    row = await manager.start(StartRequest(room, pipeline=pipeline))
    assert row.worker_pid is not None
    ours, theirs = await asyncio.gather(*(watch(pid, seconds) for pid in (row.worker_pid, sdk.pid)))
    now = await manager.get(row.id)
    ended = await manager.stop(room)
    lasted_s = time.monotonic() - joined_s
    out, _ = await sdk.communicate(b"")
    reading = await asyncio.to_thread(read, Path(ended.output_path))
    codec, _, layers = room.partition(" ")
    return Cost(
        codec,
        layers,
        pipeline,
        ours[0],
        theirs[0],
        now.figures["video"]["received"] / now.figures["duration_s"],
        json.loads(out or b"{}").get("video", 0) / lasted_s,
        len(reading.codes),
        reading.missing,
        ended.figures["video"]["dropped"],
        statistics.median(reading.offsets_s),
    )


def show_codecs(found: list[Cost]) -> None:
    """A row for each run."""
    table = Table(title=f"A worker without its ffmpeg beside the livekit SDK's receiver, {SIZE}")
    columns = (
        "codec",
        "pipeline",
        "worker",
        "SDK",
        "ratio",
        "fps",
        "SDK's",
        "in file",
        "missing",
        "dropped",
    )
    for column in (*columns, "A/V ms"):
        table.add_column(column, justify="left" if column in ("codec", "pipeline") else "right")
    for cost in found:
        table.add_row(
            *(f"{cost.codec} {cost.layers}", cost.pipeline),
            *(f"{cost.ours_cores:.3f}", f"{cost.sdk_cores:.3f}", f"{cost.ratio:.2f}"),
            *(f"{cost.ours_fps:.1f}", f"{cost.sdk_fps:.1f}", str(cost.frames)),
            *(str(cost.missing), str(cost.dropped)),
            f"{1000 * cost.offset_s:.0f}",
        )
    Console(width=110).print(table)
