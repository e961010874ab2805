"""The machine, and the limits of containers in it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from orchestrator.monitor import cgroup, idle_class, machine
from orchestrator.monitor.history import History, Share
from orchestrator.monitor.idle_class import IdleClassMeter
from orchestrator.monitor.machine import CoreMeter, CoreUsage, MachineMeter, MachineUsage


def group(path: Path, **files: str) -> Path:
    """A control group, with dots for the underscores in its files' names."""
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name.replace("_", ".")).write_text(text)
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """That we are in /pod/box."""
    path = tmp_path / "cgroup"
    path.write_text("4:memory:/elsewhere\n0::/pod/box\n")
    return path


def test_the_tightest_limit_holds(own: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    group(root)
    pod = group(root / "pod", cpu_max="150000 100000\n", memory_max="max\n")
    box = group(root / "pod/box", cpu_max="400000 100000\n", memory_max="1048576\n")
    found = cgroup.limits(own, root)
    assert found.cpu == cgroup.Limit(1.5, pod)
    assert found.memory == cgroup.Limit(1048576.0, box)


def test_a_container_sees_its_own_group_as_the_root(own: Path, tmp_path: Path) -> None:
    root = group(tmp_path / "root", cpu_max="50000 100000\n", memory_max="max\n")
    assert cgroup.limits(own, root) == cgroup.Limits(cgroup.Limit(0.5, root), None)


@pytest.mark.parametrize("text", ["", "1:cpu:/\n", "0::/\n"])
def test_no_limits(tmp_path: Path, text: str) -> None:
    (tmp_path / "own").write_text(text)
    root = group(tmp_path / "root", cpu_max="max 100000\n")
    assert cgroup.limits(tmp_path / "own", root) == cgroup.Limits(None, None)
    assert cgroup.limits(tmp_path / "none", tmp_path / "none") == cgroup.Limits(None, None)


def test_what_a_group_uses(tmp_path: Path) -> None:
    box = group(
        tmp_path / "box",
        cpu_stat="usage_usec 2500000\nuser_usec 1\n",
        memory_current="1000\n",
        memory_stat="anon 5\ninactive_file 300\n",
    )
    assert cgroup.cpu_seconds(box) == 2.5
    assert cgroup.memory_bytes(box) == 700
    assert (cgroup.cpu_seconds(tmp_path), cgroup.memory_bytes(tmp_path)) == (None, None)


def test_this_machine(tmp_path: Path) -> None:
    meter = MachineMeter()
    first, second = meter.sample(tmp_path), meter.sample(tmp_path)
    assert first.cpu_cores is None, "nothing to compare with"
    assert second.cpu_cores is not None
    assert second.cpu_cores >= 0
    assert 0 < second.cores <= (psutil.cpu_count() or 1)
    assert 0 < second.memory_bytes < second.memory_limit_bytes <= psutil.virtual_memory().total
    assert second.disk_free_bytes is not None
    assert second.disk_total_bytes is not None
    assert 0 < second.disk_free_bytes <= second.disk_total_bytes
    assert meter.sample(tmp_path / "none").disk_free_bytes is None


def test_a_container_is_measured_as_such(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = group(
        tmp_path / "root" / "pod" / "box",
        cpu_max="50000 100000\n",
        cpu_stat="usage_usec 1000000\n",
        memory_max="4000\n",
        memory_current="1000\n",
    )
    found = cgroup.limits(own, tmp_path / "root")
    monkeypatch.setattr(cgroup, "limits", lambda: found)
    meter = MachineMeter()
    meter.sample(tmp_path)
    (box / "cpu.stat").write_text("usage_usec 3000000\n")
    sample = meter.sample(tmp_path)
    assert (sample.cores, sample.memory_bytes, sample.memory_limit_bytes) == (0.5, 1000, 4000)
    assert sample.cpu_cores is not None
    assert sample.cpu_cores > 0


def test_cores_that_are_not_ours_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    idle, busy = psutil.cpu_times(), psutil.cpu_times()
    looks = iter([[idle, busy], [idle, busy._replace(user=busy.user + 1e6)]] * 2)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: next(looks))
    monkeypatch.setattr(cgroup, "limits", lambda: cgroup.Limits(None, None))
    for ours, used in (({0}, False), ({1}, True)):
        monkeypatch.setattr(machine, "_cpus", lambda ours=ours: frozenset(ours))
        meter = CoreMeter()
        assert meter.sample() == CoreUsage(1.0, None, None)
        found = meter.sample()
        assert (found.cores, bool(found.used), bool(found.idle)) == (1.0, used, not used)


SPIN = """
import os, sys
if sys.argv[1] == "idle":
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
print("runs", flush=True)
while True:
    pass
"""


@pytest.fixture
def spinning() -> Iterator[Callable[[str], None]]:
    """Starts a process that takes all that it gets: `idle`, of the idle class, or `usual`."""
    with ExitStack() as stack:

        def start(how: str) -> None:
            process = subprocess.Popen([sys.executable, "-c", SPIN, how], stdout=subprocess.PIPE)
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == b"runs\n"

        yield start


def used_within(meter: IdleClassMeter, least_s: float) -> float:
    """What it measures until it is so much, or until a minute is over."""
    used, until = 0.0, time.monotonic() + 60
    while used < least_s and time.monotonic() < until:
        used += meter.sample()
    return used


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="no idle class here")
def test_what_the_idle_class_uses(spinning: Callable[[str], None]) -> None:
    meter = IdleClassMeter()
    assert meter.sample() == 0
    spinning("idle")
    assert used_within(meter, 0.02) >= 0.02
    pids = {pid for pid, _ in idle_class._used_s()}
    spinning("usual")
    assert os.getpid() not in pids
    usual = {child.pid for child in psutil.Process().children()} - pids
    assert usual.isdisjoint(pid for pid, _ in idle_class._used_s())


@pytest.mark.parametrize(
    ("limit", "idle"),
    [(None, 1.5), (1.0, 0.0)],
    ids=["without a quota", "with a quota that it uses up"],
)
def test_what_yields_to_everything_is_idle(
    limit: float | None, idle: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two cores an encode takes one and a half, and something else the rest."""
    quota = None if limit is None else cgroup.Limit(limit, tmp_path)
    monkeypatch.setattr(cgroup, "limits", lambda: cgroup.Limits(quota, None))
    monkeypatch.setattr(machine, "_cpus", lambda: frozenset({0, 1}))
    figures = {"now": 0.0, "busy": 0.0, "quota": 0.0, "yielding": 0.0}
    monkeypatch.setattr(time, "monotonic", lambda: figures["now"])
    monkeypatch.setattr(machine, "_busy_s", lambda: figures["busy"])
    monkeypatch.setattr(cgroup, "cpu_seconds", lambda group: figures["quota"])
    monkeypatch.setattr(IdleClassMeter, "sample", lambda self: figures["yielding"])
    meter = CoreMeter()
    meter.sample()
    figures |= {"now": 2.0, "busy": 4.0, "quota": 2.0, "yielding": 3.0}
    found = meter.sample()
    assert found.idle == idle
    assert found.used == (2.0 if limit is None else 1.0)


def test_a_quota_of_a_busy_machine_is_not_idle(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group(tmp_path / "root/pod/box", cpu_max="50000 100000\n", cpu_stat="usage_usec 1000000\n")
    found = cgroup.limits(own, tmp_path / "root")
    monkeypatch.setattr(cgroup, "limits", lambda: found)
    monkeypatch.setattr(machine, "_cpus", lambda: frozenset({0, 1}))
    times = psutil.cpu_times()
    looks = iter([[times, times]] * 2 + [[times, times._replace(user=times.user + 1e6)]])
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: next(looks))
    meter = CoreMeter()
    meter.sample()
    assert meter.sample().idle == 0.5, "nobody does anything: it is the quota"
    assert meter.sample() == CoreUsage(0.5, 0.0, 0.0), "others have it all"


def test_cpus_without_their_numbers_all_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_cpus", lambda: frozenset({2, 3}))
    times = psutil.cpu_times()
    looks = iter([[times, times], [times._replace(user=times.user + 1e6), times]])
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: next(looks))
    monkeypatch.setattr(cgroup, "limits", lambda: cgroup.Limits(None, None))
    meter = CoreMeter()
    meter.sample()
    assert meter.sample().used


def test_the_history_is_bounded(tmp_path: Path) -> None:
    history = History(kept=3)
    taken: list[MachineUsage] = [MachineMeter().sample(tmp_path) for _ in range(5)]
    for number, sample in enumerate(taken):
        history.add(sample, Share(float(number), None))
    assert [machine for machine, _ in history.newest(10)] == taken[2:]
    assert [ours.cpu_cores for _, ours in history.newest(2)] == [3.0, 4.0]
