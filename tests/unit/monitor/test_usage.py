"""What one process uses: held against what a real child knows of itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from orchestrator.monitor.usage import ProcessUsage, created, is_running

BUSY = """
import os, sys, time
for line in sys.stdin:
    until = time.process_time() + float(line)
    while time.process_time() < until: pass
    with open("written", "wb") as file:
        file.write(b"x" * 2**20)
        os.fsync(file.fileno())
    print(time.process_time(), flush=True)
"""


class Child:
    """Uses as much CPU as is asked for."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", BUSY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
        )

    def burn(self, seconds: float) -> float:
        """Until it has used so much more; what it used in all."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(seconds, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """One that ends with the test."""
    made = Child(tmp_path)
    with made.process:
        yield made
        made.process.kill()


def test_what_it_uses(child: Child) -> None:
    meter = ProcessUsage(child.process.pid)
    child.burn(0.01)
    first = meter.sample()
    assert first is not None
    assert (first.cpu_cores, first.cpu_cores_1m) == (None, None), "nothing to compare with"
    used = child.burn(0.5)
    second = meter.sample()
    assert second is not None
    # The kernel counts in ticks of 10 ms (proc(5), utime).
    assert second.cpu_seconds == pytest.approx(used, abs=0.03)
    assert second.cpu_cores is not None
    assert 0 < second.cpu_cores <= 1.1
    assert second.cpu_cores_1m == second.cpu_cores, "of two samples both are the same"
    assert second.rss_bytes > 2**20
    assert (second.threads, second.nice) == (1, os.nice(0))
    assert abs((datetime.now(UTC) - second.since).total_seconds()) < 60
    assert psutil.Process(child.process.pid).io_counters().write_bytes == second.written_bytes


def test_the_minute_is_an_average(child: Child) -> None:
    meter = ProcessUsage(child.process.pid)
    child.burn(0.2)
    meter.sample()
    child.burn(0.2)
    busy = meter.sample()
    # Samples that come at once after another see nothing used in between; the minute does.
    idle = [meter.sample() for _ in range(20)][-1]
    assert busy is not None
    assert idle is not None
    assert busy.cpu_cores is not None
    assert idle.cpu_cores is not None
    assert idle.cpu_cores_1m is not None
    assert idle.cpu_cores < idle.cpu_cores_1m <= busy.cpu_cores


def test_it_is_gone(child: Child) -> None:
    pid = child.process.pid
    meter, began = ProcessUsage(pid), created(pid)
    assert began is not None
    assert is_running(pid, began)
    child.process.kill()
    child.process.wait()
    assert meter.sample() is None
    assert created(pid) is None
    assert not is_running(pid, began)
    with pytest.raises(psutil.NoSuchProcess):
        ProcessUsage(pid)
