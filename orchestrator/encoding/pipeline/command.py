"""Pipelines: small Python files that build an ffmpeg command with ffmpeg-python.

A pipeline file holds constants (what it makes) and ``build(job)``, which returns the ffmpeg-python
output. docs/pipelines.md explains how to write one. This module makes the argv of a pipeline;
`loading` finds and loads the files.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import ffmpeg as ffmpeg_python

from orchestrator.encoding.pipeline.job import Job, Pipeline
from orchestrator.encoding.pipeline.loading import PipelineFailure, Pipelines
from orchestrator.encoding.pipeline.safe_options import (
    FRAGMENT_S,
    completed,
    outputs,
    safe_options,
)
from orchestrator.encoding.pipeline.threads import threads_for
from orchestrator.encoding.pipeline.user_code import guarded, output_of
from orchestrator.encoding.process.capabilities import HYBRID_FRAGMENTED, FFmpeg
from orchestrator.errors import InvalidRequest
from orchestrator.media import BT601, Colors

__all__ = ["Job", "Pipeline", "PipelineFailure", "Pipelines", "command", "paste"]

GLOBAL_OPTIONS: Final = (
    # The log begins with what matters; the build's configuration is in `orchestrator doctor`.
    "-hide_banner",
    # A supervised ffmpeg has no keyboard, and must not read our terminal's.
    "-nostdin",
    # Progress comes on its own pipe; the status line would only fill stderr.
    "-nostats",
    # Each line with its level, and none folded into "last message repeated".
    "-loglevel",
    "repeat+level+info",
)  # fmt: skip

USUAL_FPS: Final = 30.0

INPUT_OPTIONS: Final[Mapping[str, Any]] = {
    # Given, so that nothing has to be guessed from the first bytes.
    "f": "nut",
    # A named pipe is a file, and there is nothing else to read: no input reaches the network.
    # Outputs are the pipeline's own affair (ffmpeg asks the list for inputs only).
    "protocol_whitelist": "file",
    # NUT's header has everything needed; the defaults would hold back 5 MB or 5 s.
    "probesize": 65_536,
    "analyzeduration": 0,
    # Times stay as they are. Without it the first packet's is taken off all others, and if that is
    # a frame's, the audio before it is cut off (fftools/ffmpeg_demux.c, ts_offset).
    "seek_timestamp": 1,
    # Raw frames are copied, not decoded: threads would only hold frames back.
    "threads": 1,
    # Raw frames are big; a short queue bounds what a stopped encoder has in memory.
    "thread_queue_size": 16,
}


def command(
    pipeline: Pipeline,
    *,
    ffmpeg: str | FFmpeg,
    source: str,
    output: str,
    width: int,
    height: int,
    video_bitrate_bps: int,
    audio_bitrate_bps: int,
    speed: int | None = None,
    threads: int = 0,
    fps: float = USUAL_FPS,
    colors: Colors = BT601,
    tags: Mapping[str, str] | None = None,
    aside: str | None = None,
    fragment_s: float = FRAGMENT_S,
) -> list[str]:
    """The whole argv of one run; given an `FFmpeg`, one that this very ffmpeg understands.

    A speed that frames of this size don't use is the fastest that they do. 0 `threads` are as
    many as the pipeline's own costs ask for at `fps`.

    Raises InvalidRequest for a speed the pipeline hasn't, and for one that copies; PipelineBroken
    (with file and line) when its build fails or gives no ffmpeg-python output.
    """
    if pipeline.build is None:
        raise InvalidRequest(
            f"Pipeline {pipeline.name} copies frames as they come: it has no ffmpeg command.",
            "Choose a pipeline that encodes.",
        )
    step = min(_speed(pipeline, speed), pipeline.steps_for(width, height) - 1)
    pipe = ffmpeg_python.input(source, **INPUT_OPTIONS, **_color(colors))
    job = Job(
        video=pipe.video,
        audio=pipe.audio,
        output=output,
        width=width,
        height=height,
        video_bitrate_bps=video_bitrate_bps,
        audio_bitrate_bps=audio_bitrate_bps,
        speed=step,
        threads=threads or _threads(pipeline, step, width * height * fps),
        tags=dict(tags or {}),
        aside=aside or str(Path(output).with_suffix("")),
        features=ffmpeg.features if isinstance(ffmpeg, FFmpeg) else frozenset({HYBRID_FRAGMENTED}),
        container=pipeline.container,
        fragment_s=fragment_s,
    )
    program = str(ffmpeg.path) if isinstance(ffmpeg, FFmpeg) else ffmpeg
    return [program, *GLOBAL_OPTIONS, *_arguments(pipeline, pipeline.build, job), "-y"]


def paste(argv: list[str]) -> str:
    """The command as text for a shell: one option a line."""
    lines: list[list[str]] = [[]]
    for word in argv:
        if word.startswith("-") and len(word) > 1 and not word[1].isdigit():
            lines.append([])
        lines[-1].append(shlex.quote(word))
    return " \\\n    ".join(" ".join(line) for line in lines)


def _color(colors: Colors) -> dict[str, str]:
    """Color options of the input; nothing is converted, and players need not guess.

    By the numbers of H.273, which FFmpeg takes: it has several names for each.
    """
    return {
        "color_range:v": "pc" if colors.full_range else "tv",
        "colorspace:v": str(colors.matrix),
        "color_primaries:v": str(colors.primaries),
        "color_trc:v": str(colors.transfer),
    }


def _arguments(pipeline: Pipeline, build: Callable[[Job], Any], job: Job) -> list[str]:
    built = output_of(pipeline.name, pipeline.path, build, job, "build")
    _complete(built, job)
    with guarded(pipeline.name, pipeline.path):
        return [str(word) for word in ffmpeg_python.get_args(built)]


def _complete(built: Any, job: Job) -> None:
    """Adds the safe options that the pipeline leaves out of the recording's own output."""
    safe = safe_options(job.container, job.movflags, job.fragment_s)
    for node in outputs(built.node):
        if node.kwargs["filename"] == job.output:
            node.kwargs = completed(node.kwargs, safe, job.metadata)


def _threads(pipeline: Pipeline, step: int, pixels_per_s: float) -> int:
    """0 for a pipeline whose costs nobody knows: its encoder may know better."""
    if not pipeline.shipped:
        return 0
    return threads_for(pipeline.shipped[step] * pixels_per_s / 1e6)


def _speed(pipeline: Pipeline, speed: int | None) -> int:
    chosen = pipeline.default_speed if speed is None else speed
    if not 0 <= chosen < len(pipeline.speeds):
        raise InvalidRequest(
            f"Pipeline {pipeline.name} has no speed {chosen}.",
            f"Its speeds are 0 (slowest) to {len(pipeline.speeds) - 1}: "
            f"{', '.join(pipeline.speeds)}.",
        )
    return chosen
