"""Checks a pipeline with the real ffmpeg: encodes a second of test video, and probes the file.

Its later profile, if it has one, encodes the same second. One that copies has nothing to encode.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import ffmpeg as ffmpeg_python

from orchestrator.encoding.pipeline.command import GLOBAL_OPTIONS, Pipeline, command
from orchestrator.encoding.pipeline.job import Later, LaterJob
from orchestrator.encoding.pipeline.later import later_arguments
from orchestrator.encoding.process.capabilities import FFmpeg, usable_ffmpeg
from orchestrator.encoding.process.priority import forbid_realtime
from orchestrator.errors import HavenError, Unavailable
from orchestrator.mediafiles.probe import Probe, probe
from orchestrator.settings import Settings

WIDTH: Final = 640
HEIGHT: Final = 360
TIMEOUT_S: Final = 60.0
"""For one second of small video: a slower pipeline can't record live."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result for one pipeline."""

    name: str
    passed: bool
    message: str


async def check_pipeline(pipeline: Pipeline, settings: Settings) -> CheckResult:
    """Encodes one second with the pipeline; never raises for errors of the pipeline."""
    try:
        ffmpeg = await usable_ffmpeg(settings, pipeline)
        if pipeline.copies:
            return _muxers(pipeline, ffmpeg)
        with tempfile.TemporaryDirectory(prefix="haven-check-") as folder:
            return await _encode(pipeline, ffmpeg, settings, Path(folder))
    except HavenError as error:
        return CheckResult(pipeline.name, False, str(error))


def _muxers(pipeline: Pipeline, ffmpeg: FFmpeg) -> CheckResult:
    """Whether this ffmpeg can write all that it can be asked for."""
    for problem in (ffmpeg.problem(pipeline.for_format(word)) for word in pipeline.formats):
        if problem is not None:
            return CheckResult(pipeline.name, False, str(problem))
    message = f"copies into {', '.join(pipeline.formats)}; needs no encoder"
    return CheckResult(pipeline.name, True, message)


async def _encode(
    pipeline: Pipeline, ffmpeg: FFmpeg, settings: Settings, folder: Path
) -> CheckResult:
    source, output = folder / "input.nut", folder / f"output.{pipeline.extension}"
    await _run(_input_command(ffmpeg, source), folder, ffmpeg)
    argv = command(
        pipeline,
        ffmpeg=ffmpeg,
        source=str(source),
        output=str(output),
        width=WIDTH,
        height=HEIGHT,
        video_bitrate_bps=500_000,
        audio_bitrate_bps=96_000,
        threads=settings.encoder_threads,
        aside=str(folder / "aside"),
    )
    begun = time.monotonic()
    await _run(argv, folder, ffmpeg)
    took_s = time.monotonic() - begun
    result = _result(pipeline, await asyncio.to_thread(probe, output), took_s)
    if pipeline.later is None or not result.passed:
        return result
    return await _encode_later(pipeline, pipeline.later, ffmpeg, result, folder)


async def _encode_later(
    pipeline: Pipeline, later: Later, ffmpeg: FFmpeg, live: CheckResult, folder: Path
) -> CheckResult:
    output = folder / "later.nut"
    evenly = ffmpeg_python.input(str(folder / "input.nut")).video.filter("settb", "1/30")
    job = LaterJob(
        video=evenly.filter("setpts", "N", strip_fps=1),
        output=str(output),
        width=WIDTH,
        height=HEIGHT,
        crf=later.crfs["medium"],
        video_bitrate_bps=None,
        threads=2,
        fps=Fraction(30),
    )
    argv = [str(ffmpeg.path), *GLOBAL_OPTIONS, *later_arguments(pipeline, later, job)]
    begun = time.monotonic()
    await _run(argv, folder, ffmpeg)
    took_s = time.monotonic() - begun
    made = await asyncio.to_thread(probe, output, count_frames=True)
    if made.video is None or made.video.frames != 30:
        problem = made.problem or f"it has {made.video and made.video.frames} of 30 frames"
        return CheckResult(pipeline.name, False, f"its later profile: {problem}")
    message = f"{live.message}; later: {made.size_bytes} bytes in {took_s:.1f} s"
    return CheckResult(pipeline.name, True, message)


def _input_command(ffmpeg: FFmpeg, source: Path) -> list[str]:
    """The command that creates the input: one second of what the recorder writes to its pipe."""
    return [
        *(str(ffmpeg.path), "-hide_banner", "-nostdin", "-loglevel", "error"),
        *("-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate=30:duration=1"),
        *("-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=48000:duration=1"),
        *("-pix_fmt", "yuv420p", "-c:v", "rawvideo", "-enc_time_base:v", "1:90000"),
        *("-ac", "2", "-c:a", "pcm_s16le", "-f", "nut", str(source)),
    ]


async def _run(argv: list[str], folder: Path, ffmpeg: FFmpeg) -> None:
    forbid_realtime()
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env=ffmpeg.environment,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, stderr = await process.communicate()
    except TimeoutError:
        raise Unavailable(f"ffmpeg was not done after {TIMEOUT_S:.0f} s.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = stderr.decode("utf-8", "replace").strip().splitlines()[-3:]
        raise Unavailable(f"ffmpeg ended with {process.returncode}: {' | '.join(last)}")


def _result(pipeline: Pipeline, output: Probe, took_s: float) -> CheckResult:
    if not output.playable or output.video is None:
        problem = output.problem or "it has no video"
        return CheckResult(pipeline.name, False, f"the file can't be played: {problem}")
    audio = output.audio.codec if output.audio else "no audio"
    codecs = f"{output.video.codec} {output.video.width}x{output.video.height} + {audio}"
    message = f"{codecs} in {output.container}, {output.size_bytes} bytes, 1 s in {took_s:.1f} s"
    return CheckResult(pipeline.name, True, message)
