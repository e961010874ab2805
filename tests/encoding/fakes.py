"""Tiny programs that behave like an ffmpeg in one respect, and small media for the real one."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import imageio_ffmpeg
import numpy as np

from orchestrator.media import AUDIO_RATE, VIDEO_TIME_BASE

REAL: Final = Path(imageio_ffmpeg.get_ffmpeg_exe())
WIDTH: Final = 160
HEIGHT: Final = 90

_PRELUDE: Final = """#!{python}
import os, signal, sys, time

_PIPE = int(sys.argv[sys.argv.index("-progress") + 1].removeprefix("pipe:"))

def say(text):
    os.write(2, text.encode() + b"\\n")

def report(frame, word="continue"):
    text = f"frame={{frame}}\\nout_time_us={{frame * 33333}}\\nprogress={{word}}\\n"
    os.write(_PIPE, text.encode())

"""


def program(path: Path, body: str) -> Path:
    """An executable that takes `-progress pipe:N` and can `say` on stderr and `report` frames."""
    path.write_text(_PRELUDE.format(python=sys.executable) + body, "utf-8")
    path.chmod(0o700)
    return path


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Waits on a condition, with a bound."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether the process is no more (reaped, or never was)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


class Feeder(threading.Thread):
    """Writes pictures at the given PTS (1/90000 s), with a beep each second, into a named pipe.

    `hold`: after the last picture keep the pipe open until `end`.
    """

    def __init__(self, path: Path, pts: Sequence[int], *, hold: bool = False) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._pts = pts
        self._hold = hold
        self._end = threading.Event()
        self.fed_s = 0.0
        self.closed_at_s: float | None = None

    def end(self) -> None:
        """Lets it close its end."""
        self._end.set()

    def run(self) -> None:
        try:
            with open(self._path, "wb", buffering=0) as pipe:
                self._write(_Whole(pipe))
                if self._hold:
                    self._end.wait(60)
        except (BrokenPipeError, av.error.PyAVCallbackError):
            # The reader was killed; PyAV has a word of its own for it if that was the last write.
            return
        self.closed_at_s = time.monotonic()

    def _write(self, pipe: _Whole) -> None:
        with av.open(pipe, "w", format="nut") as nut:
            video = nut.add_stream("rawvideo", rate=30)
            video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            video.time_base = video.codec_context.time_base = VIDEO_TIME_BASE
            audio = nut.add_stream("pcm_s16le", rate=AUDIO_RATE)
            audio.layout = "stereo"
            samples = 0
            for number, pts in enumerate(self._pts):
                nut.mux(video.encode(_picture(number, pts)))
                while samples / AUDIO_RATE < pts * VIDEO_TIME_BASE:
                    nut.mux(audio.encode(_sound(samples)))
                    samples += 960
                self.fed_s = float(pts * VIDEO_TIME_BASE)


class _Whole:
    """A pipe as PyAV wants it: `write` takes everything."""

    def __init__(self, pipe: object) -> None:
        self._pipe = pipe

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view:
            view = view[self._pipe.write(view) :]  # type: ignore[attr-defined]
        return len(data)


def _picture(number: int, pts: int) -> av.VideoFrame:
    rows = (np.arange(HEIGHT * 3 // 2)[:, None] + np.arange(WIDTH)[None, :] + 5 * number) % 200 + 20
    frame = av.VideoFrame.from_ndarray(rows.astype(np.uint8), format="yuv420p")
    frame.pts, frame.time_base = pts, VIDEO_TIME_BASE
    return frame


def _sound(first: int) -> av.AudioFrame:
    at = np.arange(first, first + 960)
    beep = np.sin(2 * np.pi * 1000 * at / AUDIO_RATE) * 8000 * (at % AUDIO_RATE < AUDIO_RATE // 10)
    packed = np.repeat(beep.astype(np.int16), 2)[None, :]
    frame = av.AudioFrame.from_ndarray(packed, format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, first, Fraction(1, AUDIO_RATE)
    return frame


def seconds(timed: av.VideoFrame | av.AudioFrame | av.Packet[Any]) -> float:
    """The PTS in seconds; what has none is an error."""
    assert timed.pts is not None
    assert timed.time_base is not None
    return float(timed.pts * timed.time_base)


def picture_times(path: Path) -> list[float]:
    """When each picture is shown, in seconds, by decoding."""
    with av.open(str(path)) as file:
        return [seconds(frame) for frame in file.decode(video=0)]


def beeps(path: Path) -> list[float]:
    """When each beep begins, in seconds, by decoding."""
    with av.open(str(path)) as file:
        frames = [(seconds(f), _level(f)) for f in file.decode(audio=0)]
    peak = max(level.max() for _, level in frames)
    starts: list[float] = []
    last = -1.0
    for time_s, level in frames:
        for index in np.nonzero(level > 0.3 * peak)[0]:
            at = time_s + index / AUDIO_RATE
            if at - last > 0.2:
                starts.append(at)
            last = at
    return starts


def _level(frame: av.AudioFrame) -> np.ndarray:
    samples = frame.to_ndarray().astype(np.float64)
    return np.abs(samples[0] if frame.format.is_planar else samples.reshape(-1)[::2])
