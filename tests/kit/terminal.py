"""A manager with one recording in memory, and a recording on the terminal that uses it."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass, field

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.cli.terminal_recording import TerminalRecording
from orchestrator.errors import EverybodyMuted, HavenError, NothingToStop, StoppedWhileStarting
from orchestrator.recordings.start_request import StartRequest


@dataclass
class Memory:
    """A manager with one recording in memory; its gates say how far it is let."""

    found: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: /start gets as far as the catalog."""
    framed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: frames are being recorded."""
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: the file can be final."""
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    unmuted: asyncio.Event = field(default_factory=asyncio.Event)
    muted: bool = False
    door: HavenError | None = None
    starts: int = 0
    state: str = ""
    stops: int = 0
    waits_s: float | None = 0
    """How long the last stop was to wait."""
    error: HavenError | None = None
    paused: list[bool] = field(default_factory=list)
    """What was asked for: to pause, or to go on."""

    def row(self) -> Recording:
        error = self.error
        return Recording(
            id="id0",
            stream_id="room",
            state=self.state,
            pause="cut" if self.paused and self.paused[-1] else None,
            figures={},
            error_code=error.code if error else None,
            error=error.error if error else None,
            detail=error.detail if error else None,
        )

    async def start(self, request: StartRequest) -> Recording:
        self.starts += 1
        if self.muted:
            raise EverybodyMuted("Everything published is muted.")
        await self.found.wait()
        self.state = "starting"
        await self.framed.wait()
        if self.state == "failed":
            raise StoppedWhileStarting("Stopped before the first frame.")
        self.state = "recording"
        return self.row()

    async def until_unmuted(self, stream_id: str, e2ee: object) -> None:
        await self.unmuted.wait()
        if self.door is not None:
            raise self.door
        self.muted = False

    async def stop(self, stream_id: str, *, timeout_s: float | None = 0) -> Recording:
        self.stops += 1
        self.waits_s = timeout_s
        self.found.set()
        if not self.state:
            raise NothingToStop(stream_id)
        if self.state == "starting":
            self.state = "failed"
            self.framed.set()
            raise StoppedWhileStarting("Stopped before the first frame.")
        self.state = "stopping"
        self.stopping.set()
        await self.finished.wait()
        self.state = "completed"
        return self.row()

    async def pause(self, stream_id: str, *, still: bool = False) -> Recording:
        self.paused.append(True)
        return self.row()

    async def resume(self, stream_id: str) -> Recording:
        self.paused.append(False)
        return self.row()

    async def get(self, id: str) -> Recording:
        self.looked.set()
        if self.error is not None:
            self.state = "failed"
        return self.row()


@pytest.fixture
def manager() -> Memory:
    return Memory()


def running(manager: Memory, wait_s: float | None = None) -> asyncio.Task[Recording]:
    session = TerminalRecording(manager, StartRequest(stream_id="room"), wait_s)
    return asyncio.create_task(session.run())


def press(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


async def within(task: asyncio.Task[Recording]) -> Recording:
    async with asyncio.timeout(10):
        return await task


async def until_recording(manager: Memory) -> None:
    manager.found.set()
    manager.framed.set()
    async with asyncio.timeout(10):
        await manager.looked.wait()
