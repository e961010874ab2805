"""Real processes: a worker that has no job ends, and handles name one process for good."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from orchestrator.monitor.usage import ProcessUsage, boot_id, created, is_running
from orchestrator.server.launcher import LocalLauncher, WorkerHandle

pytestmark = pytest.mark.slow


async def until_gone(launcher: LocalLauncher, worker: WorkerHandle) -> None:
    async with asyncio.timeout(20):
        while launcher.alive(worker):
            await asyncio.sleep(0.02)


async def test_a_worker_without_a_job_ends(tmp_path: Path) -> None:
    launcher = LocalLauncher()
    worker = await launcher.start("", tmp_path / "work" / "worker.log")
    assert launcher.alive(worker)
    await until_gone(launcher, worker)
    assert (tmp_path / "work" / "worker.log").read_text() == ""
    launcher.wake(worker)
    await launcher.kill(worker)
    await launcher.close(leave=False)


async def test_one_that_has_ended_is_no_zombie(tmp_path: Path) -> None:
    launcher = LocalLauncher()
    worker = await launcher.start("", tmp_path / "worker.log")
    async with asyncio.timeout(20):
        while not launcher.reap():
            await asyncio.sleep(0.02)
    assert not psutil.pid_exists(worker.pid)
    assert not launcher.reap()


async def test_a_worker_sees_no_setting_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_LIVEKIT_API_SECRET", "hidden")
    monkeypatch.setenv("HAVEN_SEEN", "yes")
    launcher = LocalLauncher()
    worker = await launcher.start("", tmp_path / "worker.log")
    async with asyncio.timeout(20):
        while not (seen := psutil.Process(worker.pid).environ()):
            await asyncio.sleep(0)  # it is on its way to be another program (execve(2))
    await until_gone(launcher, worker)
    assert seen["HAVEN_SEEN"] == "yes"
    assert not [name for name in seen if name.startswith("ORCHESTRATOR_")]


async def test_a_job_that_is_none_is_reported_in_the_log(tmp_path: Path) -> None:
    launcher = LocalLauncher()
    worker = await launcher.start("no json", tmp_path / "worker.log")
    await until_gone(launcher, worker)
    assert "JSONDecodeError" in (tmp_path / "worker.log").read_text()


def test_another_process_with_the_pid_is_not_taken_for_it() -> None:
    pid = os.getpid()
    began = created(pid)
    assert began is not None
    assert is_running(pid, began)
    assert not is_running(pid, began - 100)
    launcher = LocalLauncher()
    assert launcher.alive(WorkerHandle(pid, began, boot_id()))
    assert not launcher.alive(WorkerHandle(pid, began + 100, boot_id()))
    assert not launcher.alive(WorkerHandle(pid, began, "the boot before"))


def test_usage_is_measured_and_none_when_it_was_not() -> None:
    own = ProcessUsage(os.getpid())
    first, second = own.sample(), own.sample()
    assert first is not None
    assert second is not None
    assert first.cpu_cores is None
    assert second.cpu_cores is not None
    assert first.rss_bytes > 10**7
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    usage = ProcessUsage(child.pid)
    assert usage.sample() is not None
    child.communicate(b"\n")
    assert usage.sample() is None
    assert created(child.pid) is None
