"""One recording on the terminal: how it is started, stopped by signal or time, and ends."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass, field

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.cli.session import Session
from orchestrator.errors import (
    HavenError,
    InvalidRequest,
    NoMedia,
    NothingToStop,
    SourceUnreachable,
    StoppedWhileStarting,
    StreamNotFound,
)
from orchestrator.recordings.request import StartRequest


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
    state: str = ""
    stops: int = 0
    error: HavenError | None = None

    def row(self) -> Recording:
        error = self.error
        return Recording(
            id="id0",
            mint_id="room",
            state=self.state,
            figures={},
            error_code=error.code if error else None,
            error=error.error if error else None,
            detail=error.detail if error else None,
        )

    async def start(self, request: StartRequest) -> Recording:
        await self.found.wait()
        self.state = "starting"
        await self.framed.wait()
        if self.state == "failed":
            raise StoppedWhileStarting("Stopped before the first frame.")
        self.state = "recording"
        return self.row()

    async def stop(self, mint_id: str) -> Recording:
        self.stops += 1
        self.found.set()
        if not self.state:
            raise NothingToStop(mint_id)
        if self.state == "starting":
            self.state = "failed"
            self.framed.set()
            raise StoppedWhileStarting("Stopped before the first frame.")
        self.state = "stopping"
        self.stopping.set()
        await self.finished.wait()
        self.state = "completed"
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
    session = Session(manager, StartRequest(mint_id="room"), wait_s)
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_finishes_the_file(manager: Memory, number: signal.Signals) -> None:
    task = running(manager)
    await until_recording(manager)
    manager.finished.set()
    press(number)
    assert (await within(task)).state == "completed"
    assert manager.stops == 1


async def test_it_may_end_by_itself(manager: Memory) -> None:
    task = running(manager)
    await until_recording(manager)
    manager.state = "completed"
    assert (await within(task)).state == "completed"
    assert manager.stops == 0


async def test_a_failure_is_raised_as_it_was_recorded(manager: Memory) -> None:
    task = running(manager)
    await until_recording(manager)
    manager.error = SourceUnreachable("The server went away.", "Start it again.")
    with pytest.raises(SourceUnreachable, match=r"The server went away\. Start it again\."):
        await within(task)


async def test_start_says_why_not(manager: Memory) -> None:
    async def refused(request: StartRequest) -> Recording:
        raise NoMedia("No frame came.")

    manager.start = refused  # type: ignore[method-assign]
    with pytest.raises(NoMedia):
        await within(running(manager))


async def test_a_stream_is_waited_for(manager: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    start = manager.start
    reasons = [StreamNotFound("room"), StreamNotFound("room"), NoMedia("Nobody publishes.")]

    async def later(request: StartRequest) -> Recording:
        if reasons:
            raise reasons.pop(0)
        return await start(request)

    manager.start = later  # type: ignore[method-assign]
    task = running(manager, wait_s=0.01)
    await until_recording(manager)
    manager.state = "completed"
    assert (await within(task)).state == "completed"
    told = capsys.readouterr().err
    assert told.count("not live for mint_id: room Waiting") == 1, "the same isn't said twice"
    assert "Nobody publishes. Waiting" in told


async def test_a_signal_ends_the_wait(manager: Memory) -> None:
    looked = asyncio.Event()

    async def never(request: StartRequest) -> Recording:
        looked.set()
        raise StreamNotFound("room")

    manager.start = never  # type: ignore[method-assign]
    task = running(manager, wait_s=3600)
    await looked.wait()
    press()
    with pytest.raises(StoppedWhileStarting, match="while waiting"):
        await within(task)


async def test_what_waiting_does_not_change_is_told_at_once(manager: Memory) -> None:
    async def refused(request: StartRequest) -> Recording:
        raise InvalidRequest("Unknown output_format: 'avi'")

    manager.start = refused  # type: ignore[method-assign]
    with pytest.raises(InvalidRequest):
        await within(running(manager, wait_s=3600))


@pytest.mark.parametrize("found", [False, True])
async def test_a_signal_before_the_first_frame_gives_up(manager: Memory, found: bool) -> None:
    """Also while the stream is still being looked for, when there is nothing yet to stop."""
    task = running(manager)
    if found:
        manager.found.set()
    await asyncio.sleep(0)  # the session has its handlers now
    press()
    with pytest.raises(StoppedWhileStarting):
        await within(task)
    assert manager.state == "failed"


async def test_a_second_signal_leaves(manager: Memory) -> None:
    task = running(manager)
    await until_recording(manager)
    press()
    async with asyncio.timeout(10):
        await manager.stopping.wait()
    press()
    with pytest.raises(asyncio.CancelledError):
        await within(task)
    assert manager.stops == 1


async def test_whatever_goes_wrong_the_recording_is_stopped(manager: Memory) -> None:
    """Nobody would look after it once this process has gone."""

    async def broken(id: str) -> Recording:
        raise HavenError("The catalog can't be read.")

    manager.get = broken  # type: ignore[method-assign]
    manager.finished.set()
    manager.found.set()
    manager.framed.set()
    with pytest.raises(HavenError, match="catalog"):
        await within(running(manager))
    assert (manager.stops, manager.state) == (1, "completed")


async def test_afterwards_signals_are_nobodys(manager: Memory) -> None:
    task = running(manager)
    await until_recording(manager)
    manager.state = "completed"
    await within(task)
    loop = asyncio.get_running_loop()
    assert not any(loop.remove_signal_handler(n) for n in (signal.SIGINT, signal.SIGTERM))
