"""An ffmpeg that listens, and keeps what it gets as it is."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import imageio_ffmpeg

INPUT: Final = {"rtmp": ("-listen", "1", "-f", "flv"), "srt": ("-f", "mpegts")}


class Receiver:
    """Takes one sender, into one file of Matroska."""

    def __init__(self, url: str, path: Path) -> None:
        self._url, self.path = url, path
        self._process: asyncio.subprocess.Process | None = None
        self.said = b""

    async def start(self) -> None:
        """Begins to listen."""
        scheme = self._url.partition("://")[0]
        self._process = await asyncio.create_subprocess_exec(
            imageio_ffmpeg.get_ffmpeg_exe(),
            *("-hide_banner", "-loglevel", "verbose", "-nostdin", "-y", *INPUT[scheme]),
            *("-i", self._url, "-c", "copy", "-f", "matroska", "-flush_packets", "1"),
            str(self.path),
            stderr=asyncio.subprocess.PIPE,
        )

    @property
    def pid(self) -> int:
        """Of its ffmpeg."""
        assert self._process is not None
        return self._process.pid

    async def ended(self, within_s: float = 60) -> None:
        """Waits until the sender has left and the file is closed."""
        assert self._process is not None
        async with asyncio.timeout(within_s):
            _, self.said = await self._process.communicate()

    def signal(self, number: signal.Signals) -> None:
        """To the process."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def kill(self) -> None:
        """It is gone at once."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            await self._process.communicate()


@asynccontextmanager
async def receiving(url: str, path: Path) -> AsyncIterator[Receiver]:
    """A receiver that listens until the context ends."""
    receiver = Receiver(url, path)
    await receiver.start()
    try:
        yield receiver
    finally:
        if receiver._process is not None and receiver._process.returncode is None:
            await receiver.kill()
