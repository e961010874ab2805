"""Programs that only work while nothing else does, and end with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.encoding.process.idle_start import launcher
from orchestrator.ffmpeg_environment import passed_on
from tests.kit.fakes import gone, program, until

pytestmark = pytest.mark.slow

ENDLESS = "report(1)\nwhile True:\n    time.sleep(0.02)\n"


async def test_all_that_makes_a_program_idle(tmp_path: Path) -> None:
    path = program(tmp_path / "ffmpeg", ENDLESS)
    run = Run([str(path)], tmp_path / "log", environment=passed_on(), idle=True)
    await run.start()
    try:
        await until(lambda: run.begun)
        assert run.pid is not None
        process = psutil.Process(run.pid)
        assert process.nice() == 19
        assert os.sched_getscheduler(run.pid) == os.SCHED_IDLE
        assert process.ionice().ioclass == psutil.IOPRIO_CLASS_IDLE
        assert os.getsid(run.pid) == run.pid
        autogroup = Path(f"/proc/{run.pid}/autogroup")
        if autogroup.exists():
            assert autogroup.read_text().split()[-1] == "19"
    finally:
        await run.kill()
    assert gone(run.pid)


async def test_a_usual_run_is_not_idle(tmp_path: Path) -> None:
    path = program(tmp_path / "ffmpeg", ENDLESS)
    run = Run([str(path)], tmp_path / "log", environment=passed_on())
    await run.start()
    try:
        await until(lambda: run.begun)
        assert run.pid is not None
        assert os.sched_getscheduler(run.pid) == os.sched_getscheduler(0)
    finally:
        await run.kill()


def test_it_ends_when_we_are_killed() -> None:
    code = (
        "import subprocess, sys, time\n"
        "from orchestrator.encoding.process.idle_start import launcher\n"
        "sleeping = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "child = subprocess.Popen([*launcher(), *sleeping])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        deadline = time.monotonic() + 10
        while os.sched_getscheduler(child) != os.SCHED_IDLE:
            assert time.monotonic() < deadline
        parent.send_signal(signal.SIGKILL)
        parent.wait(10)
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline + 10
        time.sleep(0.01)


def test_a_parent_that_is_gone_already() -> None:
    python, *options, _ = launcher()
    started = subprocess.run([python, *options, "1", "/bin/true"], check=False, timeout=10)
    assert started.returncode == -signal.SIGKILL
