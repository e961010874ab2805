"""What is being recorded now as a small picture, made only while somebody asks for it.

Server and worker meet in the recording's runtime folder: the server touches `preview.wanted`, and
for the next seconds the worker makes `preview.jpg` of the frame that went into the pipe last. So
nothing is decoded or scaled a second time for it, and nothing at all while nobody looks.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

import av
import structlog

from orchestrator.errors import NoPicture
from orchestrator.recordings.pictures import jpeg

log = structlog.get_logger(__name__)

PERIOD_S: Final = 0.8
"""How often one is made while somebody asks."""

WANTED_S: Final = 10.0
"""For how long a request is good."""

OLDEST_S: Final = 2.0
"""Older pictures are not given out."""

_WAIT_S: Final = 2.0
"""How long a request waits for the first picture, or for one of a busy machine."""

_LOOK_S: Final = 0.1


class Preview:
    """The worker's part: keeps the newest frame, and makes a picture of it when one is wanted."""

    def __init__(self, folder: Path) -> None:
        self._wanted, self._picture = folder / "preview.wanted", folder / "preview.jpg"
        self._newest: av.VideoFrame | None = None

    def take(self, frame: av.VideoFrame, *, filler: bool) -> None:
        """Called in the writer's thread for each picture written.

        One that is made up counts only after a real one: sound without a picture has no preview.
        """
        if self._newest is not None or not filler:
            self._newest = frame

    async def run(self) -> None:
        """Until cancelled."""
        told = ""
        while True:
            await asyncio.sleep(PERIOD_S)
            try:
                await asyncio.to_thread(self.make)
            except (OSError, av.FFmpegError) as error:
                # A preview is worth no recording: told once, and tried again.
                if told != (told := str(error)):
                    log.warning("no preview", error=told)

    def make(self) -> None:
        """A picture of the newest frame, if somebody asked lately. Blocking."""
        if (frame := self._newest) is None or not _is_newer(self._wanted, WANTED_S):
            return
        unfinished = self._picture.with_suffix(".part")
        unfinished.write_bytes(jpeg(frame))
        unfinished.replace(self._picture)


async def current(folder: Path) -> bytes:
    """The server's part: the JPEG of what is recorded now, at most `OLDEST_S` old.

    Raises NoPicture when none comes in time.
    """
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        if (picture := await asyncio.to_thread(_asked, folder)) is not None:
            return picture
        await asyncio.sleep(_LOOK_S)
    raise NoPicture(
        "Nothing to be seen was recorded in the last seconds",
        "Try again: its process is being replaced, or the machine is busy.",
    )


def _asked(folder: Path) -> bytes | None:
    try:
        (folder / "preview.wanted").touch(mode=0o600)
        picture = folder / "preview.jpg"
        return picture.read_bytes() if _is_newer(picture, OLDEST_S) else None
    except FileNotFoundError:
        return None  # its worker is not there yet, or is being replaced


def _is_newer(path: Path, seconds: float) -> bool:
    try:
        return time.time() - path.stat().st_mtime < seconds
    except FileNotFoundError:
        return False
