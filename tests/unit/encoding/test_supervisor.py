"""The supervisor of ffmpeg's runs: restarts, back-off, stalls, giving up."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from orchestrator.encoding.process import disk_full
from orchestrator.encoding.process.prepared_run import PreparedRun
from orchestrator.encoding.process.states import ProcessState as S
from orchestrator.errors import EncodingFailed, NotEnoughDisk, PipelineBroken
from tests.kit.fakes import gone, until
from tests.kit.supervising import CRASHES, NEVER_BEGINS, RUNS, SILENT, Bench


async def test_starts_runs_and_stops(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])
    supervisor = bench.supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING)
    assert supervisor.current is bench.runs[0]
    first, second = await asyncio.gather(supervisor.stop(), supervisor.stop())
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
    await supervisor.stop()
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
    assert await supervisor.stop() == bench.endings[-1][1]


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
    assert "ffmpeg stalled" in ending.stderr[-1]
    await supervisor.stop()
    await running


async def test_starved_is_not_standing_still(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["report(1)\n" + RUNS.replace("report(frame)", "pass")])
    supervisor = bench.supervisor(stall_s=0.5)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING)
    moved = bench.runs[0].moved_at_s
    await until(lambda: time.monotonic() - moved > 1.6)
    assert len(bench.runs) == 1
    await supervisor.stop()
    await running


async def test_no_frame_within_the_start_timeout(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [SILENT])
    supervisor = bench.supervisor(max_restarts=0, start_timeout_s=0.4)
    with pytest.raises(EncodingFailed, match="no frame encoded within"):
        await asyncio.wait_for(supervisor.run(), 10)


QUOTA = CRASHES.replace("boom", "x.mp4: Disk quota exceeded")


async def test_without_room_it_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_full, "WAIT_S", 0.2)
    bench = Bench(tmp_path, [QUOTA, RUNS])
    supervisor = bench.supervisor(has_headroom=lambda: False)
    with pytest.raises(NotEnoughDisk, match=r"quota is used up \(EDQUOT\)"):
        await asyncio.wait_for(supervisor.run(), 10)
    assert len(bench.runs) == 1
    assert supervisor.state is S.FATAL


async def test_with_room_again_it_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [QUOTA, RUNS])
    tried = iter([False, True])
    supervisor = bench.supervisor(has_headroom=lambda: next(tried))
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING and len(bench.runs) == 2)
    await supervisor.stop()
    await running
    assert bench.endings[0][1].disk_full_cause == "quota"


async def test_a_file_that_has_grown_too_large_is_followed_by_the_next(tmp_path: Path) -> None:
    """A real limit and the signal that comes of it: a new file has room."""
    too_large = (
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nreport(3)\n"
        "open(sys.argv[-1] + '.out', 'wb', 0).write(bytes(100))\n"
        "os.write(os.open(sys.argv[-1] + '.out', os.O_WRONLY | os.O_APPEND), b'x')"
    )
    bench = Bench(tmp_path, [too_large, RUNS])
    supervisor = bench.supervisor(has_headroom=lambda: False)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING and len(bench.runs) == 2)
    await supervisor.stop()
    await running
    _, ending = bench.endings[0]
    assert (ending.returncode, ending.disk_full_cause) == (-signal.SIGXFSZ, "file size")
    assert "largest size" in ending.reason


async def test_a_split_goes_on_while_the_run_before_finishes(tmp_path: Path) -> None:
    slow = RUNS + "time.sleep(1)\nsay('[info] done')"
    bench = Bench(tmp_path, [slow, RUNS])
    supervisor = bench.supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING)
    supervisor.split()
    await until(lambda: supervisor.state is S.RUNNING and len(bench.runs) == 2)
    assert bench.runs[0].alive, "it has time to finish its file"
    await supervisor.stop()
    await running
    assert supervisor.restarts == 0
    assert sorted(bench.cleaned) == [1, 2]
    outcomes = {number: ending.outcome for number, ending in bench.endings}
    assert outcomes == {1: "finished", 2: "finished"}
    assert bench.changes[:5] == [S.STARTING, S.RUNNING, S.EXITED, S.STARTING, S.RUNNING]


async def test_what_can_not_be_prepared_is_tried_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])
    begin = bench.begin

    async def refuse_once(number: int) -> PreparedRun:
        if number == 1:
            raise OSError(28, "No space left on device")
        return await begin(number)

    bench.begin = refuse_once  # type: ignore[method-assign]
    supervisor = bench.supervisor()
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.state is S.RUNNING)
    await supervisor.stop()
    await running
    assert "No space left" in bench.endings[0][1].reason
    assert bench.changes[:3] == [S.STARTING, S.BACKOFF, S.STARTING]


async def test_a_pipeline_that_breaks_ends_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])

    async def broken(number: int) -> PreparedRun:
        raise PipelineBroken("Pipeline x is broken")

    bench.begin = broken  # type: ignore[method-assign]
    supervisor = bench.supervisor()
    with pytest.raises(PipelineBroken):
        await supervisor.run()
    assert supervisor.state is S.FATAL


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [RUNS])
    begin = bench.begin

    async def vanished(number: int) -> PreparedRun:
        plan = await begin(number)
        os.unlink(plan.run.name)
        return plan

    bench.begin = vanished  # type: ignore[method-assign]
    with pytest.raises(EncodingFailed, match="can't be started"):
        await bench.supervisor(max_restarts=0).run()
    assert bench.cleaned == [1]
