"""Encoding a file again beside a bare ffmpeg with the same options: frames a second, bytes, VMAF.

./scripts/bench later [--seconds 30] [--pipelines av1-svt,mp4] [--rounds 2]

The film that calibration uses is encoded once with x264, a keyframe each two seconds, as a
recording is. Then each is timed whole, from start to final file, the least of the rounds: the
transcoder with reading, cutting, joining and checking, and one ffmpeg that has the machine to
itself, with as many threads as there are cores. CPU times stand beside it: where other programs
take turns with both, they say more than frames a second.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import tempfile
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg as ffmpeg_python
from rich.console import Console
from rich.table import Table

from orchestrator.encoding.pipeline.command import Pipeline, Pipelines
from orchestrator.encoding.pipeline.film import FPS, Film
from orchestrator.encoding.pipeline.film_frames import write
from orchestrator.encoding.pipeline.job import LaterJob
from orchestrator.encoding.pipeline.later import later_arguments, require_later
from orchestrator.encoding.process.capabilities import FFmpeg, find_ffmpeg
from orchestrator.encoding.process.idle_start import launcher
from orchestrator.settings import Settings
from orchestrator.transcoding.chunks.jobs import threads_for
from orchestrator.transcoding.request import TranscodingRequest
from orchestrator.transcoding.transcode import transcode

QUALITY = "medium"


def made_source(ffmpeg: FFmpeg, folder: Path, film: Film) -> Path:
    """The film in H.264 and AAC, with B-frames."""
    raw, source = folder / "film.nut", folder / "film.mp4"
    write(film, raw)
    options = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-g", str(2 * FPS)]
    argv = [str(ffmpeg.path), "-loglevel", "error", "-i", str(raw), *options]
    subprocess.run([*argv, "-c:a", "aac", str(source)], check=True)
    raw.unlink()
    return source


def bare(ffmpeg: FFmpeg, pipeline: Pipeline, source: Path, film: Film, output: Path) -> float:
    """Seconds of one ffmpeg that encodes all of it at once."""
    later = require_later(pipeline, {})
    opened = ffmpeg_python.input(str(source))
    job = LaterJob(
        video=opened.video.filter("settb", f"1/{FPS}").filter("setpts", "N", strip_fps=1),
        output=str(output),
        width=film.width,
        height=film.height,
        crf=later.crfs[QUALITY],
        video_bitrate_bps=None,
        threads=threads_for(1),
        fps=Fraction(FPS),
    )
    arguments = later_arguments(pipeline, later, job)
    arguments = [*arguments[:-1], "-map", "0:a", "-c:a", "copy", arguments[-1]]
    began_s = time.monotonic()
    # As low a priority as the transcoder's own: what else runs here slows both down alike.
    argv = [*launcher(), str(ffmpeg.path), "-loglevel", "error", "-y", *arguments]
    subprocess.run(argv, check=True)
    return time.monotonic() - began_s


async def measured(
    ffmpeg: FFmpeg, pipeline: Pipeline, source: Path, film: Film, rounds: int
) -> dict[str, Any]:
    """A row of the table."""
    folder, settings = source.parent, Settings(disk_reserve_bytes=0)
    output, plain = folder / f"made.{pipeline.extension}", folder / "bare.nut"
    request = TranscodingRequest(source, pipeline.name, quality=QUALITY, output=output)
    alone_s, whole_s, alone_cpu_s, whole_cpu_s, size = [], [], [], [], 0
    for _ in range(rounds):
        before_s = cpu_s()
        alone_s.append(await asyncio.to_thread(bare, ffmpeg, pipeline, source, film, plain))
        between_s = cpu_s()
        result = await transcode(request, settings)
        whole_s.append(result.took_s)
        alone_cpu_s.append(between_s - before_s)
        whole_cpu_s.append(cpu_s() - between_s)
        size = result.output_bytes
        output.unlink()
    judged = await transcode(replace(request, vmaf=True), settings)
    row = {
        "pipeline": pipeline.name,
        "bare_fps": film.frames / min(alone_s),
        "whole_fps": film.frames / min(whole_s),
        "share": min(alone_s) / min(whole_s),
        "bare_cpu_s": min(alone_cpu_s),
        "whole_cpu_s": min(whole_cpu_s),
        "bare_bytes": plain.stat().st_size,
        "whole_bytes": size,
        "source_bytes": judged.source_bytes,
        "vmaf": judged.vmaf,
    }
    output.unlink()
    Console(stderr=True).print(row)
    return row


def cpu_s() -> float:
    """Used by this process, and by those that it has waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def show(rows: list[dict[str, Any]]) -> None:
    """A row for each pipeline."""
    columns = {"bare_fps": ".2f", "whole_fps": ".2f", "share": ".3f", "bare_bytes": ",d"}
    columns |= {"bare_cpu_s": ".1f", "whole_cpu_s": ".1f"}
    columns |= {"whole_bytes": ",d", "source_bytes": ",d", "vmaf": ".2f"}
    table = Table("pipeline", *columns)
    for row in rows:
        table.add_row(row["pipeline"], *(format(row[name], form) for name, form in columns.items()))
    Console().print(table)


async def run(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """All of it, in a folder that is gone afterwards."""
    known = Pipelines.load(None)
    pipelines = [known.get(name) for name in arguments.pipelines.split(",")]
    needed = frozenset[str]().union(*(pipeline.encoders for pipeline in pipelines))
    ffmpeg = await find_ffmpeg(None, needed)
    film = Film(1280, 720, round(arguments.seconds * FPS))
    with tempfile.TemporaryDirectory(prefix="haven-later-") as name:
        source = await asyncio.to_thread(made_source, ffmpeg, Path(name), film)
        return [await measured(ffmpeg, p, source, film, arguments.rounds) for p in pipelines]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--pipelines", default="av1-svt,av1,mp4,webm", help="by name")
    parser.add_argument("--rounds", type=int, default=2)
    show(asyncio.run(run(parser.parse_args())))
