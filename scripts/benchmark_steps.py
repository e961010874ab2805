"""Every speed step of every pipeline on the same pictures: CPU, bit rate and VMAF.

.venv/bin/python scripts/benchmark_steps.py         the film that calibration uses
.venv/bin/python scripts/benchmark_steps.py CLIP    a film of yours, scaled to 720p

The pictures are taken as 30 a second, 1 Mbit/s is asked for, and CPU is the less of two rounds,
as what else runs on a machine only ever adds to it. One row is x264 as ffmpeg runs it unasked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

import av
import ffmpeg as ffmpeg_python
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from orchestrator.encoding.calibration import FILM, measure
from orchestrator.encoding.capabilities import FFmpeg, find_ffmpeg
from orchestrator.encoding.film import FPS, Film, sound
from orchestrator.encoding.pipeline import Job, Preset, Presets
from orchestrator.media import AUDIO_RATE, AUDIO_TIME_BASE, VIDEO_TIME_BASE

BITRATE_BPS: Final = 1_000_000
ROUNDS: Final = 2


def converted(clip: Path, nut: Path) -> Film:
    """Writes the clip's pictures as the recorder's pipe has them, with the film's sound."""
    count = 0
    with av.open(str(clip)) as source, av.open(str(nut), "w", format="nut") as made:
        video = made.add_stream("rawvideo", rate=FPS)
        video.width, video.height, video.pix_fmt = FILM.width, FILM.height, "yuv420p"
        video.time_base = video.codec_context.time_base = VIDEO_TIME_BASE
        audio = made.add_stream("pcm_s16le", rate=AUDIO_RATE, layout="stereo")
        audio.time_base = AUDIO_TIME_BASE
        for count, frame in enumerate(source.decode(video=0), 1):
            scaled = frame.reformat(FILM.width, FILM.height, "yuv420p")
            scaled.pts, scaled.time_base = (count - 1) * 90_000 // FPS, VIDEO_TIME_BASE
            made.mux(video.encode(scaled))
            made.mux(cast(Any, audio.encode(sound(count - 1))))
    return replace(FILM, frames=count)


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
                quality = {"kbit_s": _kbit_s(made), "vmaf": _vmaf(ffmpeg, made, folder)}
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


def _vmaf(ffmpeg: FFmpeg, made: Path, folder: Path) -> float | None:
    """The mean of every third picture; None without libvmaf. Both are said to have one color."""
    log = folder / "vmaf.json"
    log.unlink(missing_ok=True)
    each = f"settb=1/{FPS},setpts=N,setparams=range=tv:colorspace=bt709"
    each += ":color_primaries=bt709:color_trc=bt709,format=yuv420p"
    graph = f"[0:v]{each}[a];[1:v]{each}[b];[a][b]libvmaf=log_fmt=json:log_path={log}"
    inputs = ["-i", str(made), "-i", str(folder / "film.nut")]
    options = ["-lavfi", f"{graph}:n_threads=2:n_subsample=3", "-an", "-f", "null", "-"]
    argv = [str(ffmpeg.path), "-loglevel", "error", *inputs, *options]
    if subprocess.run(argv, capture_output=True, check=False).returncode or not log.exists():
        return None
    return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])


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
