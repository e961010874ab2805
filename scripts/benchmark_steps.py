"""Every speed step of every pipeline on the same pictures: CPU, bit rate and VMAF.

.venv/bin/python scripts/benchmark_steps.py         the film that calibration uses
.venv/bin/python scripts/benchmark_steps.py CLIP    a film of yours, scaled to 720p

The pictures are taken as 30 a second, 1 Mbit/s is asked for, and CPU is the less of two rounds,
as what else runs on a machine only ever adds to it. One row is x264 as ffmpeg runs it unasked.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import ffmpeg as ffmpeg_python
from benchmark_vmaf import vmaf
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from orchestrator.encoding.calibration import FILM, measure
from orchestrator.encoding.capabilities import FFmpeg, find_ffmpeg
from orchestrator.encoding.film import FPS, Film, write_nut
from orchestrator.encoding.pipeline import Job, Preset, Presets

BITRATE_BPS: Final = 1_000_000
ROUNDS: Final = 2


def converted(clip: Path, nut: Path) -> Film:
    """Writes the clip's pictures as the recorder's pipe has them, with the film's sound."""
    width, height = FILM.width, FILM.height
    with av.open(str(clip)) as source:
        pictures = (frame.reformat(width, height, "yuv420p") for frame in source.decode(video=0))
        return replace(FILM, frames=write_nut(nut, pictures, width=width, height=height))


def at_one_megabit(preset: Preset) -> Preset:
    """The same preset, whatever bit rate it is asked for."""

    def build(job: Job) -> Any:
        return preset.build(replace(job, video_bitrate_bps=BITRATE_BPS))

    return replace(preset, build=build)


def bare(preset: Preset) -> Preset:
    """x264 veryfast with nothing else said."""

    def build(job: Job) -> Any:
        options = {"c:v": "libx264", "preset:v": "veryfast", "b:v": BITRATE_BPS, "c:a": "aac"}
        return ffmpeg_python.output(
            job.video, job.audio, job.output, f="mp4", fps_mode="passthrough", **options
        )

    return replace(preset, name="x264 bare", speeds=("veryfast",), build=build)


async def measured(
    presets: list[Preset], ffmpeg: FFmpeg, folder: Path, film: Film
) -> list[dict[str, Any]]:
    """A row for each step. The rounds go over all of them, so that none has the quiet minute."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for number in range(ROUNDS):
        for preset, step in _steps(presets):
            cost = await measure(preset, step, ffmpeg, folder, film)
            key = (preset.name, preset.speeds[step])
            if number == 0:
                made = folder / f"made{preset.segment_suffix}"
                worth = vmaf(ffmpeg.path, made, folder / "film.nut", every=3)
                quality = {"kbit_s": _kbit_s(made), "vmaf": worth}
                rows[key] = {"pipeline": key[0], "step": key[1], "cost": cost, **quality}
            rows[key]["cost"] = min(cost, rows[key]["cost"])
    rate = film.width * film.height * FPS / 1e6
    return [row | {"cores": rate * row["cost"]} for row in rows.values()]


def _steps(presets: list[Preset]) -> Iterator[tuple[Preset, int]]:
    return ((preset, step) for preset in presets for step in range(len(preset.speeds)))


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
    known = Presets.load(None).presets
    presets = [at_one_megabit(known[name]) for name in sorted(known)] + [bare(known["mp4"])]
    needed = frozenset[str]().union(*(preset.encoders for preset in presets))
    with tempfile.TemporaryDirectory(prefix="haven-steps-") as name:
        folder, film = Path(name), FILM
        if clip is None:
            await asyncio.to_thread(film.write, folder / "film.nut")
        else:
            film = await asyncio.to_thread(converted, clip, folder / "film.nut")
        return await measured(presets, await find_ffmpeg(None, needed), folder, film)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, nargs="?")
    show(asyncio.run(run(parser.parse_args().clip)))
