"""Presets: small Python files that build an ffmpeg command with ffmpeg-python.

A preset file holds constants (what it makes) and ``build(job)``, which returns the ffmpeg-python
output. docs/pipelines.md explains how to write one. This module makes the argv of a preset;
`presets` finds and loads the files.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import ffmpeg as ffmpeg_python

from orchestrator.encoding.capabilities import HYBRID_FRAGMENTED, FFmpeg
from orchestrator.encoding.job import Job, Preset
from orchestrator.encoding.presets import PresetFailure, Presets
from orchestrator.encoding.threads import threads_for
from orchestrator.encoding.usercode import broken, guarded
from orchestrator.errors import InvalidRequest

__all__ = ["Job", "Preset", "PresetFailure", "Presets", "command", "paste"]

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

_USUAL_FPS: Final = 30

INPUT_OPTIONS: Final[Mapping[str, Any]] = {
    # Named, so that nothing has to be guessed from the first bytes.
    "f": "nut",
    # A named pipe is a file, and there is nothing else to read: no input reaches the network.
    # Outputs are the preset's own affair (ffmpeg asks the list for inputs only).
    "protocol_whitelist": "file",
    # NUT's header says all there is to know; the defaults would hold back 5 MB or 5 s.
    "probesize": 65_536,
    "analyzeduration": 0,
    # Times stay as they are. Without it the first packet's is taken off all others, and if that is
    # a picture's, the sound before it is cut off (fftools/ffmpeg_demux.c, ts_offset).
    "seek_timestamp": 1,
    # Raw frames are copied, not decoded: threads would only hold frames back.
    "threads": 1,
    # Raw frames are big; a short queue bounds what a stopped encoder has in memory.
    "thread_queue_size": 16,
}


def command(
    preset: Preset,
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
    tags: Mapping[str, str] | None = None,
    aside: str | None = None,
) -> list[str]:
    """The whole argv of one run; given an `FFmpeg`, one that this very ffmpeg understands.

    A speed that pictures of this size don't use is the fastest that they do. 0 `threads` are as
    many as the preset's own costs ask for.

    Raises InvalidRequest for a speed the preset hasn't, PipelineBroken (with file and line) when
    its build fails or gives no ffmpeg-python output.
    """
    step = min(_speed(preset, speed), preset.steps_for(width, height) - 1)
    pipe = ffmpeg_python.input(source, **INPUT_OPTIONS, **_color(height))
    job = Job(
        video=pipe.video,
        audio=pipe.audio,
        output=output,
        width=width,
        height=height,
        video_bitrate_bps=video_bitrate_bps,
        audio_bitrate_bps=audio_bitrate_bps,
        speed=step,
        threads=threads or _threads(preset, step, width * height),
        tags=dict(tags or {}),
        aside=aside or str(Path(output).with_suffix("")),
        features=ffmpeg.features if isinstance(ffmpeg, FFmpeg) else frozenset({HYBRID_FRAGMENTED}),
    )
    program = str(ffmpeg.path) if isinstance(ffmpeg, FFmpeg) else ffmpeg
    return [program, *GLOBAL_OPTIONS, *_arguments(preset, job), "-y"]


def paste(argv: list[str]) -> str:
    """The command as text for a shell: one option a line."""
    lines: list[list[str]] = [[]]
    for word in argv:
        if word.startswith("-") and len(word) > 1 and not word[1].isdigit():
            lines.append([])
        lines[-1].append(shlex.quote(word))
    return " \\\n    ".join(" ".join(line) for line in lines)


def _color(height: int) -> dict[str, str]:
    """What the frames are taken for, said aloud; nothing is converted.

    WebRTC's decoders don't tell, so this is what players assume by size: BT.709 from 720 lines on,
    BT.601 below, limited range.
    """
    space, primaries = ("bt709", "bt709") if height >= 720 else ("smpte170m", "smpte170m")
    return {
        "color_range:v": "tv",
        "colorspace:v": space,
        "color_primaries:v": primaries,
        "color_trc:v": primaries,
    }


def _arguments(preset: Preset, job: Job) -> list[str]:
    with guarded(preset.name, preset.path):
        built = preset.build(job)
    if not isinstance(built, ffmpeg_python.nodes.OutputStream):
        raise broken(
            preset.name,
            preset.path,
            preset.build.__code__.co_firstlineno,
            f"build() returned {type(built).__name__}, not an ffmpeg-python output",
        )
    with guarded(preset.name, preset.path):
        return [str(word) for word in ffmpeg_python.get_args(built)]


def _threads(preset: Preset, step: int, pixels: int) -> int:
    """0 for a preset whose costs nobody knows: its encoder may know better."""
    if not preset.shipped:
        return 0
    return threads_for(preset.shipped[step] * pixels * _USUAL_FPS / 1e6)


def _speed(preset: Preset, speed: int | None) -> int:
    chosen = preset.default_speed if speed is None else speed
    if not 0 <= chosen < len(preset.speeds):
        raise InvalidRequest(
            f"Pipeline {preset.name} has no speed {chosen}.",
            f"Its speeds are 0 (slowest) to {len(preset.speeds) - 1}: {', '.join(preset.speeds)}.",
        )
    return chosen
