"""The keys of a terminal, in a real one."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from collections.abc import Callable

from orchestrator.cli.keys import keys
from orchestrator.cli.terminal_recording import TerminalRecording
from orchestrator.recordings.start_request import StartRequest
from tests.kit.terminal import Memory, until_recording, within

PROGRAM = """
import asyncio
from orchestrator.cli.keys import keys

async def main():
    pressed = asyncio.Event()
    with keys({"p": pressed.set}):
        print("ready", flush=True)
        await pressed.wait()
    print("paused", flush=True)

asyncio.run(main())
"""


def read_until(terminal: int, there: Callable[[bytes], bool]) -> bytes:
    """What the program prints, until that is there."""
    shown = b""
    while not there(shown):
        shown += os.read(terminal, 1024)
    return shown


def test_a_key_needs_no_enter_and_is_not_shown() -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", PROGRAM])
    try:
        read_until(terminal, lambda shown: b"ready" in shown)
        os.write(terminal, b"xp")
        shown = read_until(terminal, lambda shown: b"paused" in shown)
        assert b"xp" not in shown
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.close(terminal)


async def test_without_a_terminal_there_are_no_keys() -> None:
    with keys({"p": asyncio.Event().set}):
        assert not asyncio.get_running_loop().remove_reader(0)


async def test_the_key_pauses_and_resumes(manager: Memory) -> None:
    session = TerminalRecording(manager, StartRequest(stream_id="room"))
    task = asyncio.create_task(session.run())
    await until_recording(manager)
    for asked in (1, 2):
        session._toggle.set()
        async with asyncio.timeout(10):
            while len(manager.paused) < asked:
                await asyncio.sleep(0.01)
    assert manager.paused == [True, False]
    manager.state = "completed"
    await within(task)
