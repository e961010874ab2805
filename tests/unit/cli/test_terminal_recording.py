"""One recording on the terminal: how it is started, stopped by signal or time, and ends."""

from __future__ import annotations

import asyncio
import signal

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.errors import HavenError, NoMedia, SourceUnreachable, StoppedWhileStarting
from orchestrator.recordings.start_request import StartRequest
from tests.kit.terminal import Memory, press, running, until_recording, within


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_finishes_the_file(manager: Memory, number: signal.Signals) -> None:
    task = running(manager)
    await until_recording(manager)
    manager.finished.set()
    press(number)
    assert (await within(task)).state == "completed"
    assert manager.stops == 1
    assert manager.waits_s is None, "until a second signal"


async def test_a_hang_up_that_is_ignored_ends_nothing(manager: Memory) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    try:
        task = running(manager)
        await until_recording(manager)
        press(signal.SIGHUP)
        manager.looked.clear()
        async with asyncio.timeout(10):
            await manager.looked.wait()
        assert manager.stops == 0
        manager.state = "completed"
        await within(task)
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_a_second_hang_up_leaves_nothing(manager: Memory) -> None:
    """A terminal that closes may send two: its shell does, and the kernel."""
    task = running(manager)
    await until_recording(manager)
    press(signal.SIGHUP)
    async with asyncio.timeout(10):
        await manager.stopping.wait()
    press(signal.SIGHUP)
    manager.finished.set()
    assert (await within(task)).state == "completed"


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
