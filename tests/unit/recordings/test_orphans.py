"""Real processes that write into a work folder: waited for while they work, else ended."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.recordings import orphans

pytestmark = pytest.mark.slow

WORKS = "import sys, time\nend = time.time() + 1.5\nwhile time.time() < end: pass\n"
STANDS_STILL = "input()"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A recording's work folder."""
    work = tmp_path / ".film.mp4.haven"
    work.mkdir()
    return work


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
    work: Path,
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(orphans, "STILL_S", 3.0)
    works, still = start(WORKS, f"{work}/0001.mp4"), start(STANDS_STILL, f"{work}/0002.mp4")
    other = start(STANDS_STILL, f"{work}-of-another/0001.mp4")
    started += [works, still, other]
    found = await asyncio.to_thread(orphans.writing_into, work)
    assert {process.pid for process in found} == {works.pid, still.pid}
    await orphans.wait_until_ended(found)
    assert works.wait(5) == 0
    assert still.poll() is not None
    assert other.poll() is None


async def test_all_are_killed_at_once(work: Path, started: list[subprocess.Popen[bytes]]) -> None:
    still = start(STANDS_STILL, f"{work}/0001.mp4")
    started.append(still)
    await asyncio.to_thread(orphans.kill_all, work)
    assert still.poll() is not None
