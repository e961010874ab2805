"""A server with twenty thousand finished recordings starts and answers as one with none.

Measured in CPU time, which other programs on the machine don't change as much as the clock.
"""

from __future__ import annotations

import json
import sqlite3
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from orchestrator.catalog.database import prepare
from tests.kit.catalog.bulk import fill
from tests.kit.cli import Place

pytestmark = [pytest.mark.measures, pytest.mark.slow]

COUNT = 20_000
MOST = 1.2
"""Times the start-up with an empty catalog."""

CALLS = (
    "/api/recording/active",
    "/api/recordings?mint_id=stream-7&limit=5",
    "/api/recordings?state=failed&mint_id=stream-7&limit=5",
    "/api/recordings?limit=5",
    "/api/videos/?limit=5",
)
ASKED = 40


def cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def started(place: Place) -> tuple[float, dict[str, float]]:
    """CPU seconds until it listens, and those of each call once it is idle, in milliseconds."""
    with place.start("serve", "--port", "0", "--discovery", "demo") as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[4]
        start_s = cpu_s(process.pid)
        until_swept(place.folder / "catalog.db")
        calls = {path: call_ms(url + path, process.pid) for path in CALLS}
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0
    return start_s, calls


def call_ms(url: str, pid: int) -> float:
    """CPU time of the server for one call; what it does besides is in it, too."""
    before_s = cpu_s(pid)
    for _ in range(ASKED):
        with urllib.request.urlopen(url, timeout=30) as answer:
            json.load(answer)
    return 1000 * (cpu_s(pid) - before_s) / ASKED


def until_swept(path: Path) -> None:
    """The background's look at the old work folders comes to its end."""
    query = "SELECT count(*) FROM recordings WHERE swept = 0 AND state = 'completed'"
    while True:  # bounded by pytest's timeout
        with closing(sqlite3.connect(path, timeout=10)) as catalog:
            if catalog.execute(query).fetchone() == (0,):
                return
        time.sleep(0.1)


@pytest.mark.timeout(300)
def test_start_and_calls_cost_what_they_cost_with_none(place: Place) -> None:
    path = place.folder / "catalog.db"
    place.environment["ORCHESTRATOR_CALIBRATE_AT_START"] = "false"
    prepare(path, migrate=True)
    empty = [started(place) for _ in range(2)]
    fill(path, COUNT, place.folder)
    full = [started(place) for _ in range(2)]
    starts = [min(start_s for start_s, _ in each) for each in (empty, full)]
    assert starts[1] <= MOST * starts[0], f"{starts} s of CPU"
    for call in CALLS:
        best = [min(calls[call] for _, calls in each) for each in (empty, full)]
        assert best[1] <= max(5.0, 1.5 * best[0]), f"{call}: {best} ms of CPU"
