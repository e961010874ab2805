"""Stopping a supervisor at any moment: what waits is still written, and nothing goes on running."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.encoding.process.run_result import RunResult
from orchestrator.encoding.process.states import ProcessState as S
from orchestrator.stop_policy import STOP, StopPolicy
from tests.kit.fakes import gone, until
from tests.kit.supervising import IGNORES_ALL, NEVER_BEGINS, RUNS, Bench


async def test_stop_during_backoff(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [NEVER_BEGINS])
    supervisor = bench.slow_supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.BACKOFF)
    await asyncio.wait_for(supervisor.stop(), 2)
    await running
    assert bench.changes == [S.STARTING, S.BACKOFF, S.STOPPED]


async def test_stop_during_backoff_still_writes_what_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [NEVER_BEGINS, "report(1)\n" + RUNS])
    bench.waits = True
    supervisor = bench.slow_supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.BACKOFF)
    ending = await asyncio.wait_for(supervisor.stop(), 20)
    await running
    assert ending is not None
    assert ending.outcome == "finished"
    assert bench.changes == [S.STARTING, S.BACKOFF, S.STARTING, S.STOPPING, S.STOPPED]
    assert bench.cleaned == [1, 2]


async def test_the_last_run_is_the_last_even_if_it_fails(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [NEVER_BEGINS])
    bench.waits = True
    supervisor = bench.slow_supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.BACKOFF)
    await asyncio.wait_for(supervisor.stop(), 20)
    await running
    assert supervisor.state is S.STOPPED
    assert bench.cleaned == [1, 2]


async def test_one_that_is_halted_when_it_is_to_end_finishes_its_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])
    supervisor = bench.supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING)
    pid = bench.runs[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    ending = await asyncio.wait_for(supervisor.stop(), 20)
    await running
    assert ending is not None
    assert (ending.outcome, ending.returncode) == ("finished", 0)


async def test_stop_while_starting_still_writes_what_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])
    supervisor = bench.supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.STARTING)
    ending = await supervisor.stop()
    await running
    assert ending is not None
    assert ending.outcome == "finished"
    assert bench.changes[-2:] == [S.STOPPING, S.STOPPED]


async def test_cancelled_it_ends_its_run_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])
    supervisor = bench.supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert bench.runs[0].pid is not None
    assert gone(bench.runs[0].pid)
    assert supervisor.state is S.STOPPED
    assert bench.endings[0][1].outcome == "finished"


async def test_a_last_run_has_the_time_that_the_one_before_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies: list[StopPolicy] = []
    stop = Run.stop

    async def noted(run: Run, end_input: Callable[[], None], policy: StopPolicy) -> RunResult:
        policies.append(policy)
        return await stop(run, end_input, policy)

    monkeypatch.setattr(Run, "stop", noted)
    bench = Bench(tmp_path, [IGNORES_ALL, RUNS], waits=True)
    policy = replace(STOP, grace_s=0.1, working_s=0.5, signal_s=0.1)
    supervisor = bench.supervisor(policy=policy)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING)
    await supervisor.stop()
    await running
    assert bench.endings[0][1].outcome == "killed"
    first, last = policies
    assert first.ffmpeg_s == pytest.approx(policy.ffmpeg_s, abs=0.1)
    assert last.ffmpeg_s <= first.ffmpeg_s - 0.5
