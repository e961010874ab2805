"""Measures what a preset's speed steps cost here: CPU seconds for each megapixel of film."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from orchestrator.encoding.capabilities import FFmpeg
from orchestrator.encoding.ffmpeg import Run
from orchestrator.encoding.film import FPS, Film
from orchestrator.encoding.pipeline import Preset, command
from orchestrator.encoding.threads import threads_for
from orchestrator.errors import Unavailable

FILM: Final = Film(1280, 720, 60)
"""What most streams are, for two seconds: 83 MB while it is measured with."""

BITRATE_BPS: Final = 2_000_000
"""Quality high, the default."""

TIMEOUT_S: Final = 120.0
"""For two seconds of film; what takes longer can't record live, not by far."""

# fftools/ffmpeg.c, -benchmark: "bench: utime=1.234s stime=0.056s rtime=0.789s".
_BENCH: Final = re.compile(r"bench: utime=([\d.]+)s stime=([\d.]+)s")


async def measure(
    preset: Preset, step: int, ffmpeg: FFmpeg, folder: Path, film: Film = FILM
) -> float:
    """CPU seconds per megapixel of one step, sound included, with the threads that it would get.

    `folder` has `film.nut`. Raises Unavailable when the preset can't do it.
    """
    alone = await _measure(preset, step, ffmpeg, folder, film, threads=1)
    threads = threads_for(alone * film.width * film.height * FPS / 1e6)
    if threads == 1:
        return alone
    return await _measure(preset, step, ffmpeg, folder, film, threads=threads)


async def _measure(
    preset: Preset, step: int, ffmpeg: FFmpeg, folder: Path, film: Film, *, threads: int
) -> float:
    argv = command(
        preset,
        ffmpeg=ffmpeg,
        source=str(folder / "film.nut"),
        output=str(folder / f"made{preset.segment_suffix}"),
        width=film.width,
        height=film.height,
        video_bitrate_bps=BITRATE_BPS,
        audio_bitrate_bps=128_000,
        speed=step,
        threads=threads,
        aside=str(folder / "aside"),
    )
    run = Run([argv[0], "-benchmark", *argv[1:]], folder / "log")
    await run.start()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            ending = await run.wait()
    except TimeoutError:
        raise _failed(preset, step, f"not done after {TIMEOUT_S:g} s") from None
    finally:
        if run.alive:
            await run.kill()
    used = cpu_seconds(ending.stderr)
    if ending.outcome != "finished" or used is None:
        raise _failed(preset, step, ending.reason)
    return used / film.megapixels


def cpu_seconds(stderr: tuple[str, ...]) -> float | None:
    """User and system time that an ffmpeg with -benchmark says it used."""
    found = next((match for line in stderr[::-1] if (match := _BENCH.search(line))), None)
    return float(found[1]) + float(found[2]) if found else None


def steps(preset: Preset) -> Iterator[int]:
    """Indexes of its steps, the fastest first: what is cheap to know comes soon."""
    return reversed(range(len(preset.speeds)))


def _failed(preset: Preset, step: int, why: str) -> Unavailable:
    return Unavailable(
        f"Pipeline {preset.name} can't be measured at step {preset.speeds[step]}: {why}.",
        f"`orchestrator pipelines check {preset.name}` says more.",
    )
