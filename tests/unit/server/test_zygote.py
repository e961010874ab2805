"""Workers that a zygote forks: like those that are started alone, only sooner."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from orchestrator.monitor.usage import boot_id, created
from orchestrator.recordings.job import Job
from orchestrator.server import zygote as zygotes
from orchestrator.server.launcher import LocalLauncher, WorkerHandle
from orchestrator.server.spawning import STDERR, spawn
from orchestrator.server.zygote import Zygote
from orchestrator.settings import Settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it forks on Linux only"),
]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def launching() -> AsyncIterator[LocalLauncher]:
    """A launcher with a zygote, which is gone at the end."""
    launcher = LocalLauncher(reserve=True)
    await launcher.keep_ready()
    zygote = ready(launcher)
    try:
        yield launcher
    finally:
        await launcher.close(leave=False)
    assert launcher.ready() is None
    assert not psutil.pid_exists(zygote)


def ready(launcher: LocalLauncher) -> int:
    pid = launcher.ready()
    assert pid is not None
    return pid


def a_pipe(folder: Path) -> Path:
    path = folder / "pipe"
    os.mkfifo(path)
    return path


def job(log: Path) -> str:
    """One whose worker waits until somebody reads its log, if that is a pipe, and then fails."""
    settings = Settings(database_url=f"sqlite:///{log.parent / 'no catalog'}")
    return Job("r1", 1, settings, None, log).line()


@asynccontextmanager
async def waiting(launcher: LocalLauncher, folder: Path) -> AsyncIterator[WorkerHandle]:
    """A worker with a job that hasn't begun."""
    worker = await launcher.start(job(a_pipe(folder)), folder / "worker.log")
    try:
        yield worker
    finally:
        await launcher.kill(worker)


def seen(pid: int) -> dict[str, object]:
    """What the kernel knows of a process, and a worker has to have (proc(5))."""
    at = Path(f"/proc/{pid}")
    lines = (line.partition(":") for line in (at / "status").read_text().splitlines())
    names = ("Umask", "Threads", "SigBlk", "SigIgn", "SigCgt", "CapBnd", "NoNewPrivs")
    return {
        "files": dict(_files(at / "fd")),
        "status": {name: text for name, _, text in lines if name in names},
        "leads its session": os.getsid(pid) == pid,
        "leads its group": os.getpgid(pid) == pid,
        "environment": (at / "environ").read_bytes(),
        "folder": os.readlink(at / "cwd"),
        "niceness": os.getpriority(os.PRIO_PROCESS, pid),
        "oom_score_adj": (at / "oom_score_adj").read_bytes(),
    }


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # closed this very moment
            yield file.name, os.readlink(file)


@contextmanager
def idle_workers() -> Iterator[tuple[Zygote, int, int]]:
    """A zygote, a worker of it, and one that is started alone; both wait for a job."""
    zygote = Zygote(signal.SIGUSR1)
    reading, writing = os.pipe()
    forked = zygote.worker(reading, STDERR)
    assert forked is not None
    alone = spawn("orchestrator.worker", signal.SIGUSR1, reading, STDERR)
    os.close(reading)
    try:
        yield zygote, forked, alone
    finally:
        os.close(writing)
        zygote.close()
        for pid in (zygote.pid, alone):
            os.waitpid(pid, 0)


async def test_a_forked_worker_is_like_one_started_alone() -> None:
    with idle_workers() as (zygote, forked, alone):
        assert psutil.Process(forked).ppid() == zygote.pid
        with suppress(TimeoutError):
            await until(lambda: seen(forked) == seen(alone))  # it opens files to import them
        assert seen(forked) == seen(alone)
        assert psutil.Process(forked).memory_full_info().uss < 10e6


async def test_one_zygote_forks_all_workers(tmp_path: Path) -> None:
    async with launching() as launcher:
        zygote = ready(launcher)
        await launcher.keep_ready()
        logs = [tmp_path / str(number) / "worker.log" for number in range(5)]
        workers = await asyncio.gather(*(launcher.start("no json", log) for log in logs))
        assert launcher.ready() == zygote
        assert len({zygote, *(worker.pid for worker in workers)}) == 6
        await until(lambda: not any(map(launcher.alive, workers)))
        assert all("JSONDecodeError" in log.read_text() for log in logs)
        assert not psutil.Process(zygote).children()


async def test_a_killed_zygote_costs_no_worker(tmp_path: Path) -> None:
    async with launching() as launcher:
        zygote = ready(launcher)
        async with waiting(launcher, tmp_path) as worker:
            os.kill(zygote, signal.SIGKILL)
            await until(launcher.reap)
            assert launcher.ready() is None
            assert launcher.alive(worker)
            alone = await launcher.start("", tmp_path / "alone.log")
            assert psutil.Process(alone.pid).ppid() == os.getpid()
            await launcher.keep_ready()
            assert ready(launcher) not in (zygote, worker.pid, alone.pid)
            launcher.wake(worker)
            assert launcher.alive(worker)
            await launcher.kill(worker)
            assert not launcher.alive(worker)


async def test_a_zygote_that_hangs_delays_a_start_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with launching() as launcher:
        zygote = ready(launcher)
        await launcher.start("", tmp_path / "worker.log")
        os.kill(zygote, signal.SIGSTOP)
        monkeypatch.setattr(zygotes, "ANSWER_S", 0.2)
        worker = await launcher.start("", tmp_path / "worker.log")
        assert psutil.Process(worker.pid).ppid() == os.getpid()
        os.kill(zygote, signal.SIGCONT)
        await launcher.keep_ready()
        assert ready(launcher) != zygote


SERVER = """
import asyncio, sys
from pathlib import Path
from orchestrator.server.launcher import LocalLauncher

async def main():
    launcher = LocalLauncher(reserve=True)
    await launcher.keep_ready()
    worker = await launcher.start(sys.argv[1], Path(sys.argv[2]))
    print(launcher.ready(), worker.pid, flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


async def test_a_server_that_dies_takes_its_zygote_along_and_leaves_workers(tmp_path: Path) -> None:
    pipe = a_pipe(tmp_path)
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVER, job(pipe), str(tmp_path / "worker.log")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    zygote, worker = map(int, (await server.stdout.readline()).split())
    began = created(worker)
    assert began is not None
    server.kill()
    await server.wait()
    await until(lambda: created(zygote) is None)
    following, found = LocalLauncher(), WorkerHandle(worker, began, boot_id())
    assert following.alive(found)
    await following.kill(found)
    assert not following.alive(found)


async def test_one_that_is_woken_before_it_listens_survives(tmp_path: Path) -> None:
    async with launching() as launcher:
        pipe = a_pipe(tmp_path)
        worker = await launcher.start(job(pipe), tmp_path / "worker.log")
        launcher.wake(worker)
        with pipe.open() as log:  # it can open it and go on now
            assert "The catalog" in await asyncio.to_thread(log.read)
        await until(lambda: not launcher.alive(worker))


async def test_where_forking_is_unsafe_it_becomes_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zygotes, "MODULE", "tests.kit.recordings.zygote_that_never_forks")
    launcher = LocalLauncher(reserve=True)
    await launcher.keep_ready()
    zygote = ready(launcher)
    async with waiting(launcher, tmp_path) as worker:
        assert worker.pid == zygote
        assert launcher.ready() is None
        await launcher.keep_ready()
        assert ready(launcher) != zygote
        assert launcher.alive(worker)
    await launcher.close(leave=False)


@pytest.mark.parametrize("leave", [True, False])
async def test_no_zygote_is_left_of_a_server_that_has_ended(leave: bool) -> None:
    launcher = LocalLauncher(reserve=True)
    await launcher.keep_ready()
    zygote = ready(launcher)
    await launcher.close(leave=leave)
    assert not psutil.pid_exists(zygote)
    await launcher.keep_ready()
    assert launcher.ready() is None
