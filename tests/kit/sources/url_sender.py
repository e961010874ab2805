"""Publishers of RTMP, SRT and RTSP: an ffmpeg that sends a film of numbered frames."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import imageio_ffmpeg
import numpy as np

from tests.kit.signals.codes import beep, draw

FPS: Final = 30
RATE: Final = 48_000
FORMATS: Final = {"rtmp": "flv", "srt": "mpegts", "rtsp": "rtsp"}

_AUDIO_SAMPLES: Final = 1024
_AGAIN_S: Final = 0.1


@dataclass(frozen=True)
class Film:
    """What a publisher sends."""

    video: str | None = "libx264"
    audio: str | None = "aac"
    seconds: float = 30
    size: tuple[int, int] = (320, 180)
    keyframes: int = FPS
    """Frames between two."""
    options: tuple[tuple[str, str], ...] = (
        ("bf", "2"),
        ("preset", "ultrafast"),
        ("sc_threshold", "0"),
    )

    def make(self, path: Path) -> Path:
        """Encodes it: frames with their numbers, a flash with a beep at each second."""
        with av.open(str(path), "w", format="matroska") as made:
            video: Any = made.add_stream(self.video, rate=FPS) if self.video else None
            audio: Any = (
                made.add_stream(self.audio, rate=RATE, layout="mono") if self.audio else None
            )
            if video is not None:
                video.width, video.height = self.size
                video.pix_fmt = "yuv420p"
                video.codec_context.gop_size = self.keyframes
                video.options = dict(self.options)
            samples = 0
            for number in range(round(self.seconds * FPS)):
                if video is not None:
                    frame = draw(number, width=self.size[0], height=self.size[1], fps=FPS)
                    frame.pts, frame.time_base = number, Fraction(1, FPS)
                    made.mux(video.encode(frame))
                while audio is not None and samples <= number * RATE // FPS:
                    made.mux(audio.encode(_beeps(samples)))
                    samples += _AUDIO_SAMPLES
            for stream in (video, audio):
                if stream is not None:
                    made.mux(stream.encode(None))
        return path


def _beeps(at: int) -> av.AudioFrame:
    samples = beep(at % RATE, _AUDIO_SAMPLES, RATE).astype(np.float32) / 32768
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
    return frame


class Sender:
    """An ffmpeg that sends a film in real time, and tries again as a broadcaster's program does."""

    def __init__(self, film: Path, url: str) -> None:
        self._film, self._url = film, url
        self._process: asyncio.subprocess.Process | None = None
        self._task = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        listing = FORMATS[self._url.partition("://")[0]]
        transport = ("-rtsp_transport", "tcp") if listing == "rtsp" else ()
        while True:
            self._process = await asyncio.create_subprocess_exec(
                imageio_ffmpeg.get_ffmpeg_exe(),
                *("-v", "quiet", "-nostdin", "-re", "-i", str(self._film), "-c", "copy"),
                *("-f", listing, *transport, self._url),
            )
            await self._process.wait()
            await asyncio.sleep(_AGAIN_S)

    async def kill(self) -> None:
        """It is gone at once, and doesn't come again."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            await self._process.wait()


@asynccontextmanager
async def sending(film: Path, url: str) -> AsyncIterator[Sender]:
    """A sender that runs until the context ends."""
    sender = Sender(film, url)
    try:
        yield sender
    finally:
        await sender.kill()
