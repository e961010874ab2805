"""What is real in a chaos run: a LiveKit server, publishers, a recording server and its disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.settings.value_types import FFMPEG_ENVIRONMENT
from tests.chaos.wallclock import WallClock, why_none
from tests.kit.livekit.publishing import RemotePublisher, publishing
from tests.kit.livekit.server import Server, server_binary
from tests.kit.network import Wire, wired
from tests.kit.recordings.disk import Disk, mounted
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.signals.tones import TONES

FPS: Final = 10
"""Small frames, and few of them: four publishers, the servers and the encoders share the CPU."""

SIZE: Final = "320x180"

DISK_MIB: Final = 512

ASKED: Final = ({"output_format": "mp4"}, {"output_format": "webm"}, {"pipeline": "copy"})
"""For the first room the first, and so on in turn."""

HOST_TONE: Final = TONES[4]
"""Hz of what is heard of a host all the time; the guests have the first tones."""

BACK_S: Final = 60.0
"""Longest wait for a recording that has to begin, or to go on."""


@dataclass
class World:
    """All of it, and what the faults need to reach it."""

    machine: Machine
    livekit: Server
    wire: Wire
    disk: Disk | None
    clock: WallClock | None
    """The recorder's own."""
    rooms: tuple[str, ...]
    began: float
    """time.monotonic() at which the publishers' clocks began."""
    guests: int
    """In each room, beside its host."""
    servers: AsyncExitStack
    publishers: dict[str, RemotePublisher] = field(default_factory=dict)
    _server: ServerProcess | None = None
    _catalog: Catalog | None = None

    def now_s(self) -> float:
        """By the publishers' clock."""
        return time.monotonic() - self.began

    @property
    def server(self) -> ServerProcess:
        """The recording server that runs, or ran last."""
        assert self._server is not None
        return self._server

    @property
    def catalog(self) -> Catalog:
        """The server's catalog."""
        assert self._catalog is not None
        return self._catalog

    async def serve(self) -> None:
        """Starts the next recording server, at the same port."""
        port = self._server.port if self._server else 0
        self._server = await self.servers.enter_async_context(self.machine.serving(port))
        if self._catalog is None:
            self._catalog = Catalog(self.machine.settings["DATABASE_URL"])
            await self._catalog.open(migrate=False)
            self.servers.push_async_callback(self._catalog.close)

    async def active(self, room: str, ready: Callable[[Recording], bool]) -> Recording:
        """The room's recording, once it is `ready`; begun anew if it has ended."""
        deadline = time.monotonic() + BACK_S
        answer = "none was asked for"
        while (row := await self.catalog.active_of(room)) is None or not ready(row):
            description = f"{room}: {row.state if row else answer}\n{self.machine.log()[-4000:]}"
            assert time.monotonic() < deadline, description
            if row is None:
                answer = await self._begin(room)
            await asyncio.sleep(0.1)
        return row

    async def all_active(self) -> None:
        """Until each room has a recording, whatever state it is in."""
        await asyncio.gather(*(self.active(room, lambda row: True) for room in self.rooms))

    async def all_recording(self) -> None:
        """Until each room is recorded, and what is lost has come back."""
        ready = (self.active(room, lambda row: row.state == "recording") for room in self.rooms)
        await asyncio.gather(*ready)

    async def _begin(self, room: str) -> str:
        """A stream that has just come back may not be listed yet, a full disk not yet be empty."""
        asked = ASKED[self.rooms.index(room) % len(ASKED)]
        try:
            return (await self.server.ask_to_start(room, **asked)).text
        except httpx.HTTPError as error:
            return repr(error)

    async def of_publishers(self, command: str) -> None:
        """Has all publishers do one thing."""
        await asyncio.gather(*(each.do(command) for each in self.publishers.values()))


def _machine(folder: Path, livekit: Server, wire: Wire, clock: WallClock | None) -> Machine:
    machine = Machine(folder, livekit)
    if clock is not None:
        machine.more = clock.environment
        names = (*FFMPEG_ENVIRONMENT, *clock.environment)
        machine.settings["FFMPEG_ENVIRONMENT"] = ",".join(names)
    machine.settings |= {
        "LIVEKIT_URL": f"ws://127.0.0.1:{wire.port}",
        "LEAVE_RECORDINGS_RUNNING": "true",
        "RESUME_AFTER_RESTART": "true",
        "WORKER_IN_RESERVE": "true",
        # More of ffmpeg's ends than a recording would ever have in five minutes.
        "MAX_RESTARTS": "100",
    }
    return machine


async def _publish(world: World, stack: AsyncExitStack, room: str) -> None:
    options = ["--size", SIZE, "--fps", str(FPS), "--began", str(world.began)]
    options += ["--tone", str(HOST_TONE), "--guests", str(world.guests)]
    publisher = publishing(world.livekit, room, *options)
    world.publishers[room] = await stack.enter_async_context(publisher)


@asynccontextmanager
async def opened(folder: Path, rooms: Sequence[str], guests: int) -> AsyncIterator[World]:
    """A world in which each room is being recorded; it is switched off at the end."""
    binary = server_binary()
    assert binary is not None, "no LiveKit server: run scripts/livekit-server"
    livekit = Server(binary, folder / "livekit.log")
    async with AsyncExitStack() as stack:
        stack.callback(livekit.stop)
        await asyncio.to_thread(livekit.start)
        wire = await stack.enter_async_context(wired(livekit.port))
        clock = None if why_none() else await asyncio.to_thread(WallClock, folder)
        machine = _machine(folder, livekit, wire, clock)
        disk = stack.enter_context(mounted(machine.out, DISK_MIB))
        stack.callback(machine.switch_off)
        servers = await stack.enter_async_context(AsyncExitStack())
        began = time.monotonic()
        world = World(machine, livekit, wire, disk, clock, tuple(rooms), began, guests, servers)
        await asyncio.gather(world.serve(), *(_publish(world, stack, room) for room in rooms))
        await world.all_recording()
        yield world
