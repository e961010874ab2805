"""Tiny programs that behave like an ffmpeg in one respect, and small media for the real one."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, Final

import av
import imageio_ffmpeg
import numpy as np

from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.media import AUDIO_RATE, VIDEO_TIME_BASE
from orchestrator.pipes import nut

REAL: Final = Path(imageio_ffmpeg.get_ffmpeg_exe())
NOTHING: Final = frozenset[str]()
REAL_FFMPEG: Final = FFmpeg(REAL, "9", NOTHING, NOTHING, NOTHING, "wheel")
WIDTH: Final = 320
HEIGHT: Final = 180
"""A frame is larger than the 64 KiB that ffmpeg looks at before it begins."""

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
    """Writes frames at the given PTS (1/90000 s), with a beep each second, into a named pipe.

    Each frame goes before the audio that belongs to it, as in a recording.

    `hold`: after the last frame keep the pipe open until `end`.
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
                self._write(pipe)
                if self._hold:
                    self._end.wait(60)
        except BrokenPipeError:
            return  # the reader was killed
        self.closed_at_s = time.monotonic()

    def _write(self, pipe: FileIO) -> None:
        _put(pipe, nut.header(WIDTH, HEIGHT, 30))
        samples = 0
        for number, pts in enumerate(self._pts):
            frame = _frame(number)
            _put(pipe, nut.frame(nut.VIDEO, pts, len(frame)), frame)
            while samples / AUDIO_RATE < pts * VIDEO_TIME_BASE:
                audio = _audio(samples)
                _put(pipe, nut.frame(nut.AUDIO, samples, len(audio)), audio)
                samples += 960
            self.fed_s = float(pts * VIDEO_TIME_BASE)


def _put(pipe: FileIO, *parts: bytes) -> None:
    view = memoryview(b"".join(parts))
    while view:
        view = view[pipe.write(view) :]


def _frame(number: int) -> bytes:
    """One of yuv420p, WIDTH by HEIGHT."""
    rows = (np.arange(HEIGHT * 3 // 2)[:, None] + np.arange(WIDTH)[None, :] + 5 * number) % 200 + 20
    return rows.astype(np.uint8).tobytes()


def _audio(first: int) -> bytes:
    """960 stereo samples from the `first` on."""
    at = np.arange(first, first + 960)
    beep = np.sin(2 * np.pi * 1000 * at / AUDIO_RATE) * 8000 * (at % AUDIO_RATE < AUDIO_RATE // 10)
    return np.repeat(beep.astype("<i2"), 2).tobytes()


def seconds(timed: av.VideoFrame | av.AudioFrame | av.Packet[Any]) -> float:
    """The PTS in seconds; what has none is an error."""
    assert timed.pts is not None
    assert timed.time_base is not None
    return float(timed.pts * timed.time_base)


def frame_times(path: Path) -> list[float]:
    """When each frame is shown, in seconds, by decoding."""
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
