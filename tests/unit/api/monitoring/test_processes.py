"""/api/processes: who is listed with what, and the logs; /api/system/history."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.api.monitoring.processes import READ_BYTES, last_lines
from orchestrator.catalog.models import Recording
from orchestrator.ingest.control import folder_of, log_of
from tests.kit.api.memory import FIGURES, MINT, MemoryManager, recording

USAGE: dict[str, Any] = {
    "since": "2026-01-02T12:00:00+00:00",
    "cpu_cores": 0.25,
    "cpu_cores_1m": 0.2,
    "cpu_seconds": 12.5,
    "rss_bytes": 100,
    "threads": 9,
    "written_bytes": 4096,
    "nice": 5,
}


def running(tmp_path: Path, **columns: Any) -> Recording:
    """A recording that reports all there is to report."""
    figures = FIGURES | {
        "processes": {"worker": USAGE | {"pid": 11}, "ffmpeg": USAGE | {"pid": 12}},
        "encoding": "running",
        "encoder": FIGURES["encoder"]
        | {"frames": 1350, "dropped": 1, "progress_age_s": 0.25, "log": "0001.log"},
        "restarts": 2,
    }
    values: dict[str, Any] = {"id": "r1", "worker_pid": 11, "worker_starts": 2, "figures": figures}
    values |= {"figures_at": datetime.now(UTC), "work_directory": str(tmp_path)}
    return recording(**values | columns)


async def listed(client: httpx.AsyncClient, query: str = "") -> dict[str, dict[str, Any]]:
    """Each process by its role."""
    body = (await client.get(f"/api/processes{query}")).json()
    assert body["count"] == len(body["processes"])
    return {process["role"]: process for process in body["processes"]}


@pytest.fixture
def spare() -> Iterator[int]:
    """The pid of a process that waits."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.communicate(b"\n")


async def test_the_worker_in_reserve_is_of_no_recording(
    client: httpx.AsyncClient, manager: MemoryManager, spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "worker_in_reserve", lambda: spare)
    worker = (await listed(client))["worker"]
    assert (worker["pid"], worker["state"], worker["recording_id"]) == (spare, "waiting", None)
    assert worker["rss_bytes"] > 0
    assert worker["log_url"] is None
    assert (await client.get(f"/api/processes/{spare}/log")).status_code == 404


async def test_who_holds_a_publisher_is_listed_until_it_records(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path, spare: int
) -> None:
    manager.publishers.held = {spare: "lobby", 11: "of the recording", 2**22 + 1: "gone"}
    manager.rows.append(running(tmp_path))
    found = await listed(client)
    publisher = found["publisher"]
    assert (publisher["pid"], publisher["mint_id"]) == (spare, "lobby")
    assert (publisher["state"], publisher["recording_id"]) == ("publishing", None)
    assert publisher["rss_bytes"] > 0
    assert set(found) == {"server", "publisher", "worker", "ffmpeg"}
    lines = (await client.get("/metrics")).text.splitlines()
    assert any('mint_id="lobby",recording_id="",role="publisher"' in line for line in lines)


async def test_the_log_of_who_holds_a_publisher(
    client: httpx.AsyncClient, manager: MemoryManager, spare: int
) -> None:
    manager.publishers.held = {spare: "lobby"}
    address = (await listed(client))["publisher"]["log_url"]
    assert address == f"/api/processes/{spare}/log"
    assert (await client.get(address)).json()["lines"] == [], "nothing is written yet"
    folder = folder_of(manager.settings.database_url)
    folder.mkdir()
    try:
        log_of(folder, "lobby").write_text("a publisher is connected\nBearer of-the-lobby\n")
        told = (await client.get(address)).json()
    finally:
        shutil.rmtree(folder)
    assert (told["role"], told["recording_id"]) == ("publisher", None)
    assert told["lines"] == ["a publisher is connected", "Bearer ***"]


async def test_all_that_is_known(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path
) -> None:
    manager.rows.append(running(tmp_path))
    found = await listed(client)
    worker, ffmpeg, server = found["worker"], found["ffmpeg"], found["server"]
    for process, pid in ((worker, 11), (ffmpeg, 12)):
        assert (process["pid"], process["recording_id"], process["mint_id"]) == (pid, "r1", MINT)
        assert (process["cpu_cores"], process["cpu_cores_1m"]) == (0.25, 0.2)
        assert (process["cpu_seconds"], process["rss_bytes"], process["nice"]) == (12.5, 100, 5)
        assert (process["threads"], process["disk_written_bytes"]) == (9, 4096)
        assert process["since"] == "2026-01-02T12:00:00.000+00:00"
        assert process["log_url"] == f"/api/processes/{pid}/log"
    assert (worker["state"], worker["restarts"], worker["fps"]) == ("recording", 1, 29.97)
    assert (worker["frames_written"], worker["frames_dropped"]) == (1356, 4)
    assert (worker["queue_bytes"], worker["queue_limit_bytes"]) == (1382400, 100663296)
    assert (worker["speed"], worker["bitrate_bps"], worker["progress_age_s"]) == (None,) * 3
    assert (ffmpeg["state"], ffmpeg["restarts"], ffmpeg["speed"]) == ("running", 2, 0.99)
    assert (ffmpeg["frames_written"], ffmpeg["frames_dropped"]) == (1350, 1)
    assert (ffmpeg["fps"], ffmpeg["bitrate_bps"], ffmpeg["queue_bytes"]) == (30.1, 2014000.0, None)
    assert ffmpeg["progress_age_s"] >= 0.25, "older now than when it was reported"
    assert (server["pid"], server["state"], server["log_url"]) == (os.getpid(), "running", None)
    assert (server["recording_id"], server["restarts"]) == (None, None)
    assert server["rss_bytes"] > 10**7


async def test_of_one_recording(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path
) -> None:
    manager.rows.append(running(tmp_path))
    assert set(await listed(client, "?recording_id=r1")) == {"worker", "ffmpeg"}
    assert await listed(client, "?recording_id=nobody") == {}


async def test_old_reports_say_nothing_of_now(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path
) -> None:
    then = datetime.now(UTC) - timedelta(seconds=30)
    manager.rows.append(running(tmp_path, figures_at=then))
    found = await listed(client)
    assert (found["worker"]["state"], found["worker"]["cpu_cores"]) == ("silent", None)
    assert (found["ffmpeg"]["fps"], found["ffmpeg"]["speed"]) == (None, None)
    assert found["ffmpeg"]["cpu_seconds"] == 12.5, "it used that much at least"
    assert found["ffmpeg"]["progress_age_s"] >= 30


async def test_a_worker_that_has_not_reported(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path
) -> None:
    # The figures are of the worker before it.
    manager.rows.append(running(tmp_path, state="reconnecting", worker_pid=13))
    worker = (await listed(client))["worker"]
    assert (worker["pid"], worker["cpu_seconds"], worker["since"]) == (13, None, None)


async def test_logs(client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path) -> None:
    manager.rows.append(running(tmp_path))
    (tmp_path / "worker.log").write_text("one\ntwo token=secret123\n")
    (tmp_path / "0001.log").write_text("frame\n" * 5)
    body = (await client.get("/api/processes/11/log")).json()
    assert (body["role"], body["recording_id"]) == ("worker", "r1")
    assert body["lines"] == ["one", "two token=***"]
    body = (await client.get("/api/processes/12/log?lines=2")).json()
    assert (body["role"], body["lines"]) == ("ffmpeg", ["frame", "frame"])


@pytest.mark.parametrize("pid", [1, os.getpid()], ids=["init", "itself"])
async def test_logs_of_nobody_else(client: httpx.AsyncClient, pid: int) -> None:
    response = await client.get(f"/api/processes/{pid}/log")
    assert (response.status_code, response.json()["code"]) == (404, "process_not_found")


def test_only_the_end_of_a_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(f"token={'s' * (READ_BYTES + 100)}\nlast\n")
    assert last_lines(path, 10) == ["last"], "the rest of a token is not known for one"
    assert last_lines(tmp_path / "none.log", 10) == []


async def test_history(client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path) -> None:
    manager.rows.append(running(tmp_path))
    for _ in range(2):
        body = (await client.get("/api/system/history?seconds=5")).json()
    lists = [value for value in body.values() if isinstance(value, list)]
    assert len(lists) == 7
    assert {len(values) for values in lists} == {1}, "two askers cost one look"
    assert body["memory_bytes_ours"][0] > 200
    assert body["cpu_cores"] == [None], "nothing to compare the first sample with"
    assert body["disk_free_bytes"][0] <= body["disk_total_bytes"]
