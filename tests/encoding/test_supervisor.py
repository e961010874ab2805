"""The keeper of runs: restarts, backoff, stalls, giving up, stopping at any moment."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.encoding.backoff import Backoff
from orchestrator.encoding.ending import Ending
from orchestrator.encoding.ffmpeg import Run
from orchestrator.encoding.plan import Plan
from orchestrator.encoding.states import ProcessState
from orchestrator.encoding.supervisor import Supervisor
from orchestrator.errors import EncodingFailed, PipelineBroken
from tests.encoding.fakes import gone, program, until

S = ProcessState

RUNS = """
frame = 0
while not os.path.exists(sys.argv[-1]):
    frame += 1
    report(frame)
    time.sleep(0.02)
report(frame + 1, "end")
"""
CRASHES = "report(3)\ntime.sleep(0.1)\nsay('[error] boom')\nsys.exit(1)"
NEVER_BEGINS = "say('[error] Unknown encoder')\nsys.exit(8)"
SILENT = "signal.pause()"


@dataclass
class Bench:
    """Runs the given programs one after the other (the last for ever) and keeps what is told."""

    folder: Path
    bodies: list[str]
    changes: list[ProcessState] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    endings: list[tuple[int, Ending]] = field(default_factory=list)
    cleaned: list[int] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    fed: int = 0
    waits: bool = False

    def supervisor(self, *, max_restarts: int = 5, **options: float) -> Supervisor:
        quick = Backoff(max_restarts, first_s=0.05, chance=lambda: 0.5)
        return Supervisor(
            self.begin,
            self.changed,
            lambda number, ending: self.endings.append((number, ending)),
            max_restarts=max_restarts,
            backoff=quick,
            **options,
        )

    def slow_supervisor(self) -> Supervisor:
        """One that waits for long after a failure."""
        return Supervisor(
            self.begin,
            self.changed,
            lambda number, ending: self.endings.append((number, ending)),
            max_restarts=5,
            backoff=Backoff(5, first_s=50),
        )

    def changed(self, state: ProcessState, reason: str) -> None:
        self.changes.append(state)
        self.reasons.append(reason)

    async def begin(self, number: int) -> Plan:
        body = self.bodies[min(number, len(self.bodies)) - 1]
        path = program(self.folder / f"ffmpeg{number}", body)
        end = self.folder / f"end{number}"

        async def ended(ending: Ending) -> None:
            self.cleaned.append(number)

        return Plan(
            [str(path), str(end)],
            self.folder / f"{number}.log",
            end.touch,
            self.runs.append,
            ended,
            lambda: self.fed,
            lambda: self.waits,
            lambda: self.cut(end),
        )

    def cut(self, end: Path) -> bool:
        end.touch()
        return True


async def test_starts_runs_and_stops(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])
    supervisor = bench.supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING)
    assert supervisor.current is bench.runs[0]
    first, second = await asyncio.gather(supervisor.stop(grace_s=5), supervisor.stop(grace_s=5))
    await running
    assert first is second
    assert first is not None
    assert (first.outcome, first.intended) == ("finished", True)
    assert bench.changes == [S.STARTING, S.RUNNING, S.STOPPING, S.STOPPED]
    assert bench.cleaned == [1]
    assert [number for number, _ in bench.endings] == [1]
    assert supervisor.current is None
    assert supervisor.restarts == 0


async def test_a_crash_is_followed_by_the_next_run_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [CRASHES, RUNS])
    supervisor = bench.supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: bench.changes[-2:] == [S.STARTING, S.RUNNING] and len(bench.runs) == 2)
    await supervisor.stop(grace_s=5)
    await running
    assert bench.changes[:4] == [S.STARTING, S.RUNNING, S.EXITED, S.STARTING]
    assert bench.endings[0][1].stderr == ("[error] boom",)
    assert supervisor.restarts == 1
    assert bench.cleaned == [1, 2]


async def test_given_up_with_the_last_lines(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [NEVER_BEGINS])
    supervisor = bench.supervisor(max_restarts=2)
    with pytest.raises(EncodingFailed) as failure:
        await asyncio.wait_for(supervisor.run(), 20)
    assert failure.value.context["stderr"] == ["[error] Unknown encoder"]
    assert "Unknown encoder" in failure.value.error
    assert supervisor.state is S.FATAL
    assert bench.changes.count(S.STARTING) == 3
    assert bench.changes.count(S.BACKOFF) == 2
    assert await supervisor.stop(grace_s=1) == bench.endings[-1][1]


async def test_one_that_stands_still_is_killed_and_replaced(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])
    supervisor = bench.supervisor(stall_s=1.0)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING)
    run = bench.runs[0]
    assert run.pid is not None
    os.kill(run.pid, signal.SIGSTOP)
    # What was reported before the stop is read first; then frames go on coming.
    await until(lambda: time.monotonic() - run.moved_at_s > 0.7)
    bench.fed += 1_000_000
    await until(lambda: len(bench.runs) == 2 and supervisor.state is S.RUNNING)
    assert gone(run.pid)
    number, ending = bench.endings[0]
    assert (number, ending.outcome, ending.returncode) == (1, "killed", -9)
    assert "stands still" in ending.stderr[-1]
    await supervisor.stop(grace_s=5)
    await running


async def test_starved_is_not_standing_still(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["report(1)\n" + RUNS.replace("report(frame)", "pass")])
    supervisor = bench.supervisor(stall_s=0.5)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING)
    moved = bench.runs[0].moved_at_s
    await until(lambda: time.monotonic() - moved > 1.6)
    assert len(bench.runs) == 1
    await supervisor.stop(grace_s=5)
    await running


async def test_no_frame_within_the_start_timeout(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [SILENT])
    supervisor = bench.supervisor(max_restarts=0, start_timeout_s=0.4)
    with pytest.raises(EncodingFailed, match="no frame encoded within"):
        await asyncio.wait_for(supervisor.run(), 10)


async def test_stop_during_backoff(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [NEVER_BEGINS])
    supervisor = bench.slow_supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.BACKOFF)
    await asyncio.wait_for(supervisor.stop(grace_s=1), 2)
    await running
    assert bench.changes == [S.STARTING, S.BACKOFF, S.STOPPED]


async def test_stop_during_backoff_still_writes_what_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [NEVER_BEGINS, "report(1)\n" + RUNS])
    bench.waits = True
    supervisor = bench.slow_supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.BACKOFF)
    ending = await asyncio.wait_for(supervisor.stop(grace_s=5), 20)
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
    await asyncio.wait_for(supervisor.stop(grace_s=5), 20)
    await running
    assert supervisor.state is S.STOPPED
    assert bench.cleaned == [1, 2]


async def test_a_split_goes_on_while_the_run_before_finishes(tmp_path: Path) -> None:
    slow = RUNS + "time.sleep(1)\nsay('[info] done')"
    bench = Bench(tmp_path, [slow, RUNS])
    supervisor = bench.supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING)
    supervisor.split()
    await until(lambda: supervisor.state is S.RUNNING and len(bench.runs) == 2)
    assert bench.runs[0].alive, "it has time to finish its file"
    await supervisor.stop(grace_s=5)
    await running
    assert supervisor.restarts == 0
    assert sorted(bench.cleaned) == [1, 2]
    outcomes = {number: ending.outcome for number, ending in bench.endings}
    assert outcomes == {1: "finished", 2: "finished"}
    assert bench.changes[:5] == [S.STARTING, S.RUNNING, S.EXITED, S.STARTING, S.RUNNING]


async def test_one_that_is_halted_when_it_is_to_end_finishes_its_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])
    supervisor = bench.supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING)
    pid = bench.runs[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    ending = await asyncio.wait_for(supervisor.stop(grace_s=30), 20)
    await running
    assert ending is not None
    assert (ending.outcome, ending.returncode) == ("finished", 0)


async def test_stop_while_starting_still_writes_what_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])
    supervisor = bench.supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.STARTING)
    ending = await supervisor.stop(grace_s=5)
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


async def test_what_can_not_be_prepared_is_tried_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])
    begin = bench.begin

    async def refuse_once(number: int) -> Plan:
        if number == 1:
            raise OSError(28, "No space left on device")
        return await begin(number)

    bench.begin = refuse_once  # type: ignore[method-assign]
    supervisor = bench.supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING)
    await supervisor.stop(grace_s=5)
    await running
    assert "No space left" in bench.endings[0][1].reason
    assert bench.changes[:3] == [S.STARTING, S.BACKOFF, S.STARTING]


async def test_a_preset_that_breaks_ends_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])

    async def broken(number: int) -> Plan:
        raise PipelineBroken("Pipeline x is broken")

    bench.begin = broken  # type: ignore[method-assign]
    supervisor = bench.supervisor()
    with pytest.raises(PipelineBroken):
        await supervisor.run()
    assert supervisor.state is S.FATAL


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])
    begin = bench.begin

    async def vanished(number: int) -> Plan:
        plan = await begin(number)
        os.unlink(plan.argv[0])
        return plan

    bench.begin = vanished  # type: ignore[method-assign]
    with pytest.raises(EncodingFailed, match="can't be started"):
        await bench.supervisor(max_restarts=0).run()
    assert bench.cleaned == [1]
