"""What monitoring costs with twenty recordings, and how true its CPU figures are.

The catalog, the server and every look are real; the twenty recordings are rows whose workers and
ffmpegs are forty processes that wait, as twenty real ones would leave nothing to measure with.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from orchestrator.api.monitoring.observer import PERIOD_S, Observer
from orchestrator.catalog.store import Catalog
from orchestrator.monitor.usage import ProcessUsage, boot_id, created
from orchestrator.server.manager import Manager, create_manager
from orchestrator.settings import Settings
from scripts.benchmarks.answers import latencies_ms
from tests.kit.api.memory import FIGURES
from tests.kit.api.serving import serving
from tests.kit.catalog.rows import recording

RECORDINGS = 20
MEASURED_S = 10.0
CLIENTS = 10
ANSWERS = 50

_LISTEN = "import sys, urllib.request as u; r = u.urlopen(sys.argv[1])\nwhile r.read1(65536): pass"
_BUSY = """
import time
while True:
    until = time.process_time() + 0.02
    while time.process_time() < until: pass
    time.sleep(0.03)
"""


async def measure_monitor(folder: Path) -> dict[str, float]:
    """All figures; shares are of one core."""
    with _processes(2 * RECORDINGS) as pids:
        found = {"sampling_40_processes": _sampling(pids)}
        async with _manager(folder, pids) as manager:
            found["one_look"] = await _look(manager)
            found |= await _serving(manager)
    found["cpu_error"] = await asyncio.to_thread(_cpu_error)
    return found


@contextmanager
def _processes(count: int, *program: str) -> Iterator[list[int]]:
    """Children that wait, or run a program."""
    code = program or ("import sys; sys.stdin.read()",)
    with ExitStack() as stack:
        made = []
        for _ in range(count):
            child = subprocess.Popen([sys.executable, "-c", *code], stdin=subprocess.PIPE)
            stack.callback(child.wait)
            stack.callback(child.kill)
            made.append(child.pid)
        yield made


def _sampling(pids: list[int]) -> float:
    """What the workers of all recordings take together to sample themselves and their ffmpegs."""
    meters = [ProcessUsage(pid) for pid in pids]
    rounds = 20
    began_s = time.process_time()
    for _ in range(rounds):
        for meter in meters:
            meter.sample()
    return (time.process_time() - began_s) / rounds / PERIOD_S


@asynccontextmanager
async def _manager(folder: Path, pids: list[int]) -> AsyncIterator[Manager]:
    """A real one, with rows of recordings that seem to run."""
    path = folder / "monitor.db"
    settings = Settings(
        database_url=f"sqlite:///{path}",
        output_directory=folder,
        discovery=["demo"],
        demo_url="http://127.0.0.1:9/whep",
        leave_recordings_running=True,
        calibrate_at_start=False,
    )
    catalog = Catalog(settings.database_url)
    await catalog.open(migrate=True)
    for number, (worker, ffmpeg) in enumerate(zip(pids[::2], pids[1::2], strict=True)):
        await catalog.create(_row(f"r{number}", worker, ffmpeg))
    await catalog.close()
    yield create_manager(settings)


def _row(id: str, worker: int, ffmpeg: int) -> Any:
    usage: dict[str, Any] = {
        "cpu_cores": 0.2,
        "cpu_cores_1m": 0.2,
        "cpu_seconds": 9.0,
        "rss_bytes": 2**27,
    }
    usage |= {"threads": 9, "written_bytes": 0, "nice": 0, "since": "2026-01-02T12:00:00+00:00"}
    roles = {"worker": usage | {"pid": worker}, "ffmpeg": usage | {"pid": ffmpeg}}
    known = {"worker_pid": worker, "worker_created": created(worker), "worker_boot": boot_id()}
    figures = FIGURES | {"processes": roles, "encoding": "running"}
    now = datetime.now(UTC)
    stream = {"id": id, "discovery": "demo", "name": "Example"}
    return recording(
        id, id, state="recording", worker_starts=1, started_at=now, figures_at=now,
        figures=figures, stream=stream, **known,
    )  # fmt: skip


async def _look(manager: Manager) -> float:
    """What one look a second at all recordings takes: rows, server, machine, sums."""
    await manager.catalog.open(migrate=False)
    observer = Observer(manager)
    await observer.look()
    rounds = 20
    began_s = time.process_time()
    for _ in range(rounds):
        await observer.look()
    took_s = (time.process_time() - began_s) / rounds
    await manager.catalog.close()
    return took_s / PERIOD_S


async def _serving(manager: Manager) -> dict[str, float]:
    """A whole server: nobody listens, one page is open, ten are; and how quick the answers are."""
    found: dict[str, float] = {}
    async with serving(manager) as url:
        await asyncio.sleep(2)
        found["server_nobody_listens"] = await _own_share()
        for count in (1, CLIENTS):
            with _processes(count, _LISTEN, f"{url}/api/events"):
                await asyncio.sleep(2)
                found[f"server_{count}_listening"] = await _own_share()
        async with httpx.AsyncClient(base_url=url) as client:
            for path in ("/metrics", "/api/processes", "/api/health", "/api/system/history"):
                taken = await latencies_ms(client, path, ANSWERS, pause_s=0)
                found[f"{path}_ms"] = statistics.median(taken)
    return found


async def _own_share() -> float:
    """Of one core that this process uses."""
    began_s, used_s = time.monotonic(), time.process_time()
    await asyncio.sleep(MEASURED_S)
    return (time.process_time() - used_s) / (time.monotonic() - began_s)


def _cpu_error() -> float:
    """Of the minute's average of a process that is busy for two fifths, against /proc in 10 s."""
    with _processes(1, _BUSY) as (pid,):
        meter = ProcessUsage(pid)
        meter.sample()
        began_s, ticks = time.monotonic(), _ticks(pid)
        for _ in range(round(MEASURED_S)):
            time.sleep(PERIOD_S)
            usage = meter.sample()
        used_s = (_ticks(pid) - ticks) / os.sysconf("SC_CLK_TCK")
        true_cores = used_s / (time.monotonic() - began_s)
    assert usage is not None
    assert usage.cpu_cores_1m is not None
    return abs(usage.cpu_cores_1m / true_cores - 1)


def _ticks(pid: int) -> int:
    """utime and stime of proc(5), in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
