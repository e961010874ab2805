"""Which speed steps leave small changes out of the frame: an encoder must not lie.

./scripts/bench numbers           numbers in bars above a ramp, in six sizes
./scripts/bench numbers CLIP      and above a film of yours, at 720p

Every frame has its number in it, is encoded, decoded and read again. Each step is tried at every
size, also where its pipeline doesn't use it (LEAST_PIXELS).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import av
from rich.console import Console
from rich.table import Table

from orchestrator.encoding.pipeline.command import Pipeline, Pipelines, command
from orchestrator.encoding.pipeline.film import FPS
from orchestrator.encoding.pipeline.film_frames import write_nut
from orchestrator.encoding.process.capabilities import FFmpeg, find_ffmpeg
from tests.kit.signals.codes import draw, luma_of, paint, read_code

SIZES: Final = ((1280, 720), (960, 540), (854, 480), (640, 360), (480, 270), (320, 180))
RAMP: Final = 150
FILM: Final = 900
RATES_BPS: Final = (2_000_000, 500_000)
"""Qualities high and low."""


def ramp(width: int, height: int) -> Iterator[av.VideoFrame]:
    """Nothing but the numbers and a ramp."""
    return (draw(code, width=width, height=height, fps=FPS) for code in range(RAMP))


def film(clip: Path, width: int, height: int) -> Iterator[av.VideoFrame]:
    """The clip again and again, with the numbers on its upper quarter."""
    codes = itertools.count()
    while True:
        with av.open(str(clip)) as source:
            for frame in source.decode(video=0):
                code = next(codes)
                if code == FILM:
                    return
                yield paint(frame.reformat(width, height, "yuv420p"), code, fps=FPS)


def wrong(
    pipeline: Pipeline, step: int, ffmpeg: FFmpeg, source: Path, size: tuple[int, int]
) -> str:
    """How many frames don't show their number, of how many, at each rate."""
    counts = []
    for rate in RATES_BPS:
        made = source.with_name(f"made{pipeline.segment_suffix}")
        argv = command(
            replace(pipeline, least_pixels=()),
            ffmpeg=ffmpeg,
            source=str(source),
            output=str(made),
            width=size[0],
            height=size[1],
            video_bitrate_bps=rate,
            audio_bitrate_bps=128_000,
            speed=step,
        )
        subprocess.run(argv, check=True, capture_output=True)
        with av.open(str(made)) as file:
            read = [read_code(luma_of(frame)) for frame in file.decode(video=0)]
        counts.append(sum(found != number for number, found in enumerate(read)))
    return ", ".join(map(str, counts))


def measured(clip: Path | None, names: list[str], ffmpeg: FFmpeg, folder: Path) -> Table:
    """A row for each step, a column for each source."""
    sources = {}
    for width, height in SIZES:
        path = folder / f"{width}x{height}.nut"
        write_nut(path, ramp(width, height), width=width, height=height)
        sources[path.stem] = (path, (width, height))
    if clip is not None:
        path = folder / "film.nut"
        write_nut(path, film(clip, *SIZES[0]), width=SIZES[0][0], height=SIZES[0][1])
        sources[f"film, of {FILM}"] = (path, SIZES[0])
    pipelines = Pipelines.load(None)
    rates = " and ".join(f"{rate / 1e6:g}" for rate in RATES_BPS)
    table = Table(title=f"Frames with a wrong number of {RAMP}, {rates} Mbit/s")
    for column in ("pipeline", "step", *sources):
        table.add_column(column)
    for pipeline in map(pipelines.get, names):
        for step, word in enumerate(pipeline.speeds):
            found = [wrong(pipeline, step, ffmpeg, *source) for source in sources.values()]
            table.add_row(pipeline.name, word, *found)
    return table


def main() -> None:
    """All of it, in a folder that is gone afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, nargs="?")
    parser.add_argument("--formats", default="av1,av1-svt,mp4,webm", help="pipelines, by name")
    arguments = parser.parse_args()
    names = arguments.formats.split(",")
    needed = frozenset[str]().union(*(Pipelines.load(None).get(name).encoders for name in names))
    ffmpeg = asyncio.run(find_ffmpeg(None, needed))
    with tempfile.TemporaryDirectory(prefix="haven-numbers-") as folder:
        Console().print(measured(arguments.clip, names, ffmpeg, Path(folder)))


if __name__ == "__main__":
    main()
