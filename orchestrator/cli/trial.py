"""Tries a preset for real: its command encodes a second of a test picture, the file is read."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.catalog.probe import Probe, probe
from orchestrator.encoding.capabilities import FFmpeg, require
from orchestrator.encoding.pipeline import Preset, command
from orchestrator.encoding.priority import forbid_realtime
from orchestrator.errors import HavenError, Unavailable
from orchestrator.settings import Settings

WIDTH: Final = 640
HEIGHT: Final = 360
TIMEOUT_S: Final = 60.0
"""For one second of a small picture: what takes longer can't record live."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying one preset."""

    name: str
    passed: bool
    message: str


async def attempt(preset: Preset, ffmpeg: FFmpeg, settings: Settings) -> Trial:
    """Encodes one second with the preset; never raises for what the preset does wrong."""
    try:
        require(ffmpeg, preset)
        with tempfile.TemporaryDirectory(prefix="haven-check-") as folder:
            return await _encode(preset, ffmpeg, settings, Path(folder))
    except HavenError as error:
        return Trial(preset.name, False, str(error))


async def _encode(preset: Preset, ffmpeg: FFmpeg, settings: Settings, folder: Path) -> Trial:
    source, output = folder / "input.nut", folder / f"output.{preset.extension}"
    await _run(_picture(ffmpeg, source), folder)
    argv = command(
        preset,
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
    await _run(argv, folder)
    took_s = time.monotonic() - begun
    return _judged(preset, await asyncio.to_thread(probe, output), took_s)


def _picture(ffmpeg: FFmpeg, source: Path) -> list[str]:
    """The command that makes the input: one second of what the recorder writes into its pipe."""
    return [
        *(str(ffmpeg.path), "-hide_banner", "-nostdin", "-loglevel", "error"),
        *("-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate=30:duration=1"),
        *("-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=48000:duration=1"),
        *("-pix_fmt", "yuv420p", "-c:v", "rawvideo", "-enc_time_base:v", "1:90000"),
        *("-ac", "2", "-c:a", "pcm_s16le", "-f", "nut", str(source)),
    ]


async def _run(argv: list[str], folder: Path) -> None:
    forbid_realtime()
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, stderr = await process.communicate()
    except TimeoutError:
        raise Unavailable(f"ffmpeg wasn't done after {TIMEOUT_S:.0f} s.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = stderr.decode("utf-8", "replace").strip().splitlines()[-3:]
        raise Unavailable(f"ffmpeg ended with {process.returncode}: {' | '.join(last)}")


def _judged(preset: Preset, made: Probe, took_s: float) -> Trial:
    if not made.playable or made.video is None:
        problem = made.problem or "it has no video"
        return Trial(preset.name, False, f"the file can't be played: {problem}")
    audio = made.audio.codec if made.audio else "no audio"
    codecs = f"{made.video.codec} {made.video.width}x{made.video.height} + {audio}"
    done = f"{codecs} in {made.container}, {made.size_bytes} bytes, 1 s in {took_s:.1f} s"
    return Trial(preset.name, True, done)
