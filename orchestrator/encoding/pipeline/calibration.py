"""Measures what a pipeline's speed steps cost here: CPU seconds for each megapixel of film."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from orchestrator.encoding.pipeline.command import Pipeline, command
from orchestrator.encoding.pipeline.film import FPS, Film
from orchestrator.encoding.pipeline.threads import threads_for
from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.errors import Unavailable

FILM: Final = Film(1280, 720, 60)
"""What most streams are, for two seconds: 83 MB while it is measured with."""

BITRATE_BPS: Final = 2_000_000
"""Quality high, the default."""

TIMEOUT_S: Final = 120.0
"""For two seconds of film; a step that takes longer is far too slow to record live."""

# fftools/ffmpeg.c, -benchmark: "bench: utime=1.234s stime=0.056s rtime=0.789s".
_BENCH: Final = re.compile(r"bench: utime=([\d.]+)s stime=([\d.]+)s")


async def measure(
    pipeline: Pipeline, step: int, ffmpeg: FFmpeg, folder: Path, film: Film = FILM
) -> float:
    """CPU seconds per megapixel of one step, including audio, with the threads that it would get.

    `folder` has `film.nut`. Raises Unavailable when the pipeline can't do it.
    """
    alone = await _measure(pipeline, step, ffmpeg, folder, film, threads=1)
    threads = threads_for(alone * film.width * film.height * FPS / 1e6)
    if threads == 1:
        return alone
    return await _measure(pipeline, step, ffmpeg, folder, film, threads=threads)


async def _measure(
    pipeline: Pipeline, step: int, ffmpeg: FFmpeg, folder: Path, film: Film, *, threads: int
) -> float:
    argv = command(
        pipeline,
        ffmpeg=ffmpeg,
        source=str(folder / "film.nut"),
        output=str(folder / f"made{pipeline.segment_suffix}"),
        width=film.width,
        height=film.height,
        video_bitrate_bps=BITRATE_BPS,
        audio_bitrate_bps=128_000,
        speed=step,
        threads=threads,
        aside=str(folder / "aside"),
    )
    run = Run([argv[0], "-benchmark", *argv[1:]], folder / "log", environment=ffmpeg.environment)
    await run.start()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            result = await run.wait()
    except TimeoutError:
        raise _failed(pipeline, step, f"not done after {TIMEOUT_S:g} s") from None
    finally:
        if run.alive:
            await run.kill()
    used = cpu_seconds(result.stderr)
    if result.outcome != "finished" or used is None:
        raise _failed(pipeline, step, result.reason)
    return used / film.megapixels


def cpu_seconds(stderr: tuple[str, ...]) -> float | None:
    """User and system time that ffmpeg -benchmark reports; None if it doesn't."""
    measured = next((match for line in stderr[::-1] if (match := _BENCH.search(line))), None)
    return float(measured[1]) + float(measured[2]) if measured else None


def steps(pipeline: Pipeline) -> Iterator[int]:
    """Indexes of its steps, the fastest first, as those are measured soonest."""
    return reversed(range(len(pipeline.speeds)))


def _failed(pipeline: Pipeline, step: int, why: str) -> Unavailable:
    return Unavailable(
        f"Pipeline {pipeline.name} can't be measured at step {pipeline.speeds[step]}: {why}.",
        f"`orchestrator pipelines check {pipeline.name}` has details.",
    )
