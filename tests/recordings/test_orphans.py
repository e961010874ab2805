"""Real processes that write into a work folder: waited for while they work, else ended."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.recordings import orphans
from tests.catalog.rows import recording

WORKS = "import sys, time\nend = time.time() + 1.5\nwhile time.time() < end: pass\n"
STANDS_STILL = "input()"


@pytest.fixture
def after_a_crash(tmp_path: Path) -> Recording:
    """A recording whose second worker is at it."""
    work = tmp_path / ".film.mp4.haven"
    work.mkdir()
    return recording("a", work_directory=str(work), worker_starts=2)


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes to end after the test."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def start(program: str, path: str) -> subprocess.Popen[bytes]:
    """A process with this path in its arguments."""
    return subprocess.Popen([sys.executable, "-c", program, path], stdin=subprocess.PIPE)


async def test_one_that_works_ends_by_itself_and_one_that_stands_still_is_ended(
    after_a_crash: Recording,
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(orphans, "STILL_S", 3.0)
    work = after_a_crash.work_directory
    works, still = start(WORKS, f"{work}/0001.mp4"), start(STANDS_STILL, f"{work}/0002.mp4")
    other = start(STANDS_STILL, f"{work}-of-another/0001.mp4")
    started += [works, still, other]
    found = {p.pid for p in await asyncio.to_thread(orphans.writing_into, Path(work))}
    assert found == {works.pid, still.pid}
    await orphans.wait_until_ended(after_a_crash)
    assert works.wait(5) == 0
    assert still.poll() is not None
    assert other.poll() is None


async def test_a_first_worker_looks_for_nothing(
    after_a_crash: Recording, started: list[subprocess.Popen[bytes]]
) -> None:
    after_a_crash.worker_starts = 1
    own = start(STANDS_STILL, f"{after_a_crash.work_directory}/0001.mp4")
    started.append(own)
    await orphans.wait_until_ended(after_a_crash)
    assert own.poll() is None
    await asyncio.to_thread(orphans.kill_all, Path(after_a_crash.work_directory))
    assert own.poll() is not None
