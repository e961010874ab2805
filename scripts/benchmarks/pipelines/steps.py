"""Every speed step of every pipeline on the same frames: CPU, bit rate and VMAF.

./scripts/bench steps         the film that calibration uses
./scripts/bench steps CLIP    a film of yours, scaled to 720p

The frames are taken as 30 a second, 1 Mbit/s is asked for, and CPU is the less of two rounds,
as what else runs on a machine only ever adds to it. One row is x264 as ffmpeg runs it unasked.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import ffmpeg as ffmpeg_python
from rich.console import Console
from rich.table import Table

from orchestrator.encoding.pipeline.calibration import FILM, measure
from orchestrator.encoding.pipeline.command import Job, Pipeline, Pipelines
from orchestrator.encoding.pipeline.film import FPS, Film
from orchestrator.encoding.pipeline.film_frames import write, write_nut
from orchestrator.encoding.process.capabilities import FFmpeg, find_ffmpeg
from scripts.benchmarks.pipelines.vmaf import vmaf

BITRATE_BPS: Final = 1_000_000
ROUNDS: Final = 2


def converted(clip: Path, nut: Path) -> Film:
    """Writes the clip's frames as the recorder's pipe has them, with the film's audio."""
    width, height = FILM.width, FILM.height
    with av.open(str(clip)) as source:
        frames = (frame.reformat(width, height, "yuv420p") for frame in source.decode(video=0))
        return replace(FILM, frames=write_nut(nut, frames, width=width, height=height))


def at_one_megabit(pipeline: Pipeline) -> Pipeline:
    """The same pipeline, whatever bit rate it is asked for."""
    encode = pipeline.build
    assert encode is not None, f"{pipeline.name} copies"

    def build(job: Job) -> Any:
        return encode(replace(job, video_bitrate_bps=BITRATE_BPS))

    return replace(pipeline, build=build)


def bare(pipeline: Pipeline) -> Pipeline:
    """x264 veryfast with nothing else said."""

    def build(job: Job) -> Any:
        options = {"c:v": "libx264", "preset:v": "veryfast", "b:v": BITRATE_BPS, "c:a": "aac"}
        return ffmpeg_python.output(
            job.video, job.audio, job.output, f="mp4", fps_mode="passthrough", **options
        )

    return replace(pipeline, name="x264 bare", speeds=("veryfast",), build=build)


async def measured(
    pipelines: list[Pipeline], ffmpeg: FFmpeg, folder: Path, film: Film
) -> list[dict[str, Any]]:
    """A row for each step. The rounds go over all of them, so that none has the quiet minute."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for number in range(ROUNDS):
        for pipeline, step in _steps(pipelines):
            cost = await measure(pipeline, step, ffmpeg, folder, film)
            key = (pipeline.name, pipeline.speeds[step])
            if number == 0:
                made = folder / f"made{pipeline.segment_suffix}"
                worth = vmaf(ffmpeg.path, made, folder / "film.nut", every=3)
                quality = {"kbit_s": _kbit_s(made), "vmaf": worth}
                rows[key] = {"pipeline": key[0], "step": key[1], "cost": cost, **quality}
            rows[key]["cost"] = min(cost, rows[key]["cost"])
    rate = film.width * film.height * FPS / 1e6
    return [row | {"cores": rate * row["cost"]} for row in rows.values()]


def _steps(pipelines: list[Pipeline]) -> Iterator[tuple[Pipeline, int]]:
    return ((pipeline, step) for pipeline in pipelines for step in range(len(pipeline.speeds)))


def _kbit_s(made: Path) -> float:
    with av.open(str(made)) as file:
        sizes = [packet.size for packet in file.demux(video=0) if packet.size]
    return float(Fraction(8 * sum(sizes) * FPS, 1000 * len(sizes)))


def show(rows: list[dict[str, Any]]) -> None:
    """A row for each step."""
    columns = {"cost": ".4f", "cores": ".2f", "kbit_s": ".0f", "vmaf": ".1f"}
    table = Table("pipeline", "step", *columns)
    for row in rows:
        figures = ["-" if row[c] is None else format(row[c], form) for c, form in columns.items()]
        table.add_row(row["pipeline"], row["step"], *figures)
    Console().print(table)


async def run(clip: Path | None) -> list[dict[str, Any]]:
    """All of it, in a folder that is gone afterwards."""
    known = Pipelines.load(None).by_name
    pipelines = [at_one_megabit(known[name]) for name in sorted(known)] + [bare(known["mp4"])]
    needed = frozenset[str]().union(*(pipeline.encoders for pipeline in pipelines))
    with tempfile.TemporaryDirectory(prefix="haven-steps-") as name:
        folder, film = Path(name), FILM
        if clip is None:
            await asyncio.to_thread(write, film, folder / "film.nut")
        else:
            film = await asyncio.to_thread(converted, clip, folder / "film.nut")
        return await measured(pipelines, await find_ffmpeg(None, needed), folder, film)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, nargs="?")
    show(asyncio.run(run(parser.parse_args().clip)))
