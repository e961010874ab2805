"""The bundled ffmpeg as a publisher: it sends a film of numbered frames and beeps by WHIP."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import IO, Final

import psutil

from orchestrator.discovery.whip_streams import WhipStreams
from orchestrator.ingest.control import folder_of
from tests.kit.fakes import REAL
from tests.kit.mediafiles.numbered import NumberedFilm, even_times
from tests.kit.recordings.machine import Machine

KEY: Final = "the-key-of-the-lobby"
"""Of every stream of a test."""

_LIVE_FILM: Final = {
    "preset": "veryfast",
    "profile": "baseline",
    "x264-params": "keyint=30:scenecut=0",
}


@cache
def film(folder: Path, seconds: int = 60, size: tuple[int, int] = (320, 192)) -> Path:
    """What is published: H.264 without B-frames, a keyframe each second, and beeps."""
    path = folder / f"film-{seconds}-{size[0]}.mkv"
    times = even_times(seconds)
    return NumberedFilm(
        path, times, options=dict(_LIVE_FILM), sizes=(size,), audio=("pcm_s16le",)
    ).write()


def taking(machine: Machine, *streams: str) -> None:
    """Has a machine's servers take publishers of these streams."""
    defined = ", ".join(f'"{stream}": {{"whip": "{KEY}"}}' for stream in streams)
    machine.settings |= {"STREAMS": f"{{{defined}}}", "WORKER_IN_RESERVE": "true"}


class Publisher:
    """A running ffmpeg."""

    def __init__(self, process: Process, log: IO[bytes]) -> None:
        self.process, self._log = process, log

    async def leave(self) -> str:
        """Ends it as a user does; what it wrote on stderr."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        return await self.until_ended()

    async def vanish(self) -> None:
        """Nothing of it comes any more, not even an end."""
        self.process.kill()
        await self.process.wait()

    async def until_ended(self) -> str:
        """What it wrote on stderr, when it has ended."""
        async with asyncio.timeout(20):
            await self.process.wait()
        self._log.seek(0)
        return self._log.read().decode(errors="replace")


@asynccontextmanager
async def publishing(
    url: str,
    stream: str,
    path: Path,
    *,
    key: str = KEY,
    from_s: float = 0.0,
    log_level: str = "info",
) -> AsyncIterator[Publisher]:
    """Sends the film to a server, in real time; killed at the end if it still runs.

    Where it was held up, it doesn't send faster afterwards, as no camera does.
    """
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    process = await asyncio.create_subprocess_exec(
        *(str(REAL), "-hide_banner", "-loglevel", log_level, "-nostats"),
        *(
            "-readrate",
            "1",
            "-readrate_catchup",
            "1",
            "-ss",
            str(from_s),
            "-i",
            str(path),
            "-c:v",
            "copy",
        ),
        *("-c:a", "libopus", "-ar", "48000", "-ac", "2", "-f", "whip"),
        *("-authorization", key, f"{url}/whip/{stream}"),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=log,  # a pipe that nobody reads would hold it up
    )
    publisher = Publisher(process, log)
    try:
        yield publisher
    finally:
        if process.returncode is None:
            await publisher.vanish()
        log.close()


async def until_live(machine: Machine, stream: str, *, live: bool = True) -> None:
    """Waits until a stream's publisher is connected, or gone."""
    folder = machine.temporary / folder_of(machine.settings["DATABASE_URL"]).name
    streams = WhipStreams(folder)
    async with asyncio.timeout(40):
        while await streams.is_live(stream) != live:
            await asyncio.sleep(0.02)


def holder_of(machine: Machine, server_pid: int) -> psutil.Process:
    """The process that holds the only publisher: what listens on the control socket.

    The system knows it by its first name.
    """
    (path,) = machine.temporary.glob("haven-whip-*/??????????")
    return next(
        process
        for process in machine.processes()
        if process.pid != server_pid
        and any(str(each.laddr) == f"{path}.new" for each in process.net_connections("unix"))
    )
