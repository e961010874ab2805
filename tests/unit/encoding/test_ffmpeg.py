"""One run, against small programs that misbehave in one way each."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.ffmpeg_environment import passed_on
from orchestrator.stop_policy import STOP, StopPolicy
from tests.kit.fakes import gone, program, until

pytestmark = pytest.mark.slow

ENDLESS = """
frame = 0
while True:
    frame += 1
    report(frame)
    time.sleep(0.02)
"""


def policy(**durations: float) -> StopPolicy:
    return replace(STOP, **durations)


def nothing() -> None:
    """The input has no writer."""


async def started(tmp_path: Path, body: str) -> Run:
    run = Run([str(program(tmp_path / "ffmpeg", body))], tmp_path / "log", environment=passed_on())
    await run.start()
    return run


async def test_finishes_by_itself(tmp_path: Path) -> None:
    run = await started(tmp_path, "report(1); say('[info] hello'); report(2, 'end')")
    ending = await asyncio.wait_for(run.wait(), 10)
    assert (ending.outcome, ending.returncode, ending.intended) == ("finished", 0, False)
    assert ending.stderr == ("[info] hello",)
    assert run.progress is not None
    assert (run.progress.frame, run.progress.done) == (2, True)
    assert (tmp_path / "log").read_text() == "[info] hello\n"
    assert run.pid is not None
    assert gone(run.pid)


async def test_exit_0_without_a_frame_is_a_failure(tmp_path: Path) -> None:
    run = await started(tmp_path, "report(0, 'end')")
    assert (await run.wait()).outcome == "failed"


async def test_a_failure_brings_its_last_lines(tmp_path: Path) -> None:
    run = await started(tmp_path, "report(5); say('[error] No space left'); sys.exit(228)")
    ending = await run.wait()
    assert (ending.outcome, ending.returncode) == ("failed", 228)
    assert ending.stderr[-1] == "[error] No space left"


async def test_a_flood_on_stderr_holds_nothing_up(tmp_path: Path) -> None:
    flood = "os.write(2, b'z' * 300_000)\nfor n in range(50_000): say(f'line {n}')\nreport(1)"
    run = await started(tmp_path, flood)
    ending = await asyncio.wait_for(run.wait(), 30)
    assert ending.outcome == "finished"
    assert len(ending.stderr) == 200
    assert ending.stderr[-1] == "line 49999"
    files = [tmp_path / "log", tmp_path / "log.1"]
    assert sum(f.stat().st_size for f in files if f.exists()) < 2.6e6


async def test_clean_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_LIVEKIT_API_SECRET", "hidden")
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        run = await started(
            tmp_path,
            "say(' '.join(sorted(os.environ)))\n"
            "say(' '.join(sorted(os.listdir('/proc/self/fd'), key=int)))\n"
            "say(f'{os.getpgrp() == os.getpid()} {sys.stdin.read()!r}')\n"
            "say(str(_PIPE))\ntime.sleep(0.2)\nsay(str(os.nice(0)))\nreport(1)",
        )
        names, fds, group, pipe, niceness = (await run.wait()).stderr
    finally:
        os.close(read)
        os.close(write)
    assert set(names.split()) <= {*passed_on(), "LC_CTYPE"}
    assert "ORCHESTRATOR_LIVEKIT_API_SECRET" not in names
    # stdin, stdout, stderr, the progress pipe, and the listing's own.
    assert len(fds.split()) == 5
    assert {"0", "1", "2", pipe} < set(fds.split())
    assert group == "True ''"
    assert int(niceness) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)


async def test_nothing_is_left_open(tmp_path: Path) -> None:
    await (await started(tmp_path, "report(1)")).wait()
    before = psutil.Process().num_fds()
    for _ in range(5):
        await (await started(tmp_path, "report(1)")).wait()
    await until(lambda: psutil.Process().num_fds() <= before)


async def test_stop_waits_for_a_slow_flush(tmp_path: Path) -> None:
    # It works (CPU time) after the end of its input, longer than the grace, and reports nothing.
    flag = tmp_path / "end"
    body = (
        f"report(1)\nwhile not os.path.exists({str(flag)!r}): time.sleep(0.01)\n"
        "end = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass\nreport(2, 'end')"
    )
    run = await started(tmp_path, body)
    await run.wait_until_begun()
    ending = await run.stop(flag.touch, policy(grace_s=0.2))
    assert (ending.outcome, ending.returncode, ending.intended) == ("finished", 0, True)
    assert run.progress is not None
    assert run.progress.frame == 2


async def test_sigint_ends_what_does_not_see_the_end_of_its_input(tmp_path: Path) -> None:
    body = "signal.signal(signal.SIGINT, lambda *_: sys.exit(255))\nreport(1)\nsignal.pause()"
    run = await started(tmp_path, body)
    await run.wait_until_begun()
    ending = await run.stop(nothing, policy(grace_s=0.1))
    assert (ending.outcome, ending.returncode) == ("finished", 255)


async def test_sigkill_ends_what_ignores_all_else(tmp_path: Path) -> None:
    body = (
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\nreport(1)\nwhile True: signal.pause()"
    )
    run = await started(tmp_path, body)
    await run.wait_until_begun()
    assert run.pid is not None
    children = psutil.Process(run.pid).children()
    ending = await run.stop(nothing, policy(grace_s=0.1))
    assert (ending.outcome, ending.returncode) == ("killed", -signal.SIGKILL)
    assert len(children) == 1
    await until(lambda: not any(c.is_running() and c.status() != "zombie" for c in children))


async def test_the_cap_bounds_even_a_busy_one(tmp_path: Path) -> None:
    run = await started(tmp_path, ENDLESS)
    await run.wait_until_begun()
    began = time.monotonic()
    ending = await run.stop(nothing, policy(grace_s=0.1, working_s=0.5))
    assert 0.5 <= time.monotonic() - began < 5
    assert ending.returncode in {-signal.SIGINT, 1}


async def test_a_blocked_named_pipe_is_freed_by_its_end(tmp_path: Path) -> None:
    fifo = tmp_path / "in"
    os.mkfifo(fifo)
    run = await started(tmp_path, f"say('opening')\nopen({str(fifo)!r}, 'rb').read()\nreport(0)")
    await until(lambda: run.stderr_tail() == ["opening"])

    def end_input() -> None:
        while True:
            try:
                os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                continue
            return

    ending = await run.stop(end_input)
    assert (ending.outcome, ending.returncode) == ("finished", 0)


async def test_stop_is_carried_through_when_its_caller_is_cancelled(tmp_path: Path) -> None:
    body = "signal.signal(signal.SIGINT, lambda *_: sys.exit(255))\nreport(1)\nsignal.pause()"
    run = await started(tmp_path, body)
    await run.wait_until_begun()
    stopping = asyncio.create_task(run.stop(nothing, policy(grace_s=0.1)))
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert (await asyncio.wait_for(run.wait(), 10)).intended


async def test_two_stops_are_one(tmp_path: Path) -> None:
    calls: list[int] = []
    run = await started(tmp_path, ENDLESS)
    first, second = await asyncio.gather(
        run.stop(lambda: calls.append(1), policy(grace_s=0.1, working_s=0.1)),
        run.stop(lambda: calls.append(2), policy(grace_s=0.1, working_s=0.1)),
    )
    assert first is second
    assert calls == [1]


async def test_an_input_that_does_not_close_is_no_obstacle(tmp_path: Path) -> None:
    def refuse() -> None:
        raise BrokenPipeError("the reader is gone")

    run = await started(tmp_path, ENDLESS)
    assert (await run.stop(refuse, policy(grace_s=0.1, working_s=0.1))).intended


async def test_no_such_program(tmp_path: Path) -> None:
    before = psutil.Process().num_fds()
    run = Run([str(tmp_path / "nowhere")], tmp_path / "log", environment=passed_on())
    with pytest.raises(FileNotFoundError):
        await run.start()
    assert not run.alive
    assert psutil.Process().num_fds() <= before
