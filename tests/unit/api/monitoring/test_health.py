"""/api/health, /livez, /readyz: every check, its numbers, its advice; 503 when nothing can be
recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.api.monitoring import health_checks
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import FFmpegNotFound, SourceUnreachable, Unavailable
from tests.kit.api.memory import MemoryManager, pipeline, recording


@pytest.fixture(autouse=True)
def well(manager: MemoryManager) -> None:
    """A machine on which nothing is wrong."""
    manager.pipelines = Pipelines({name: pipeline(name) for name in ("av1", "mp4")}, ())


async def found(client: httpx.AsyncClient, name: str, status: int = 200) -> dict[str, Any]:
    """One check of the answer, whose status it is."""
    response = await client.get("/api/health")
    assert response.status_code == status
    body = response.json()
    check: dict[str, Any] = next(c for c in body["checks"] if c["name"] == name)
    assert (check["status"] == "ok") is (check["advice"] is None)
    if check["status"] != "ok":
        assert any(check["message"] in problem for problem in body["problems"])
    return check


async def test_all_is_well(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path
) -> None:
    manager.rows.append(recording(figures_at=datetime.now(UTC)))
    response = await client.get("/api/health")
    body = response.json()
    assert (response.status_code, body["success"]) == (200, True)
    assert (body["status"], body["problems"], body["error"]) == ("ok", [], None), body
    assert body["active_recordings"] == 1
    figures = {check["name"]: check["figures"] for check in body["checks"]}
    assert figures["ffmpeg"]["path"] == "/opt/ffmpeg"
    assert figures["disk"]["path"] == str(tmp_path)
    assert figures["disk"]["free_bytes"] > 0
    assert 0 < figures["memory"]["used_bytes"] < figures["memory"]["limit_bytes"]
    assert 0 < figures["cpu"]["limit_cores"] <= figures["cpu"]["cores"]
    assert figures["catalog"]["took_ms"] >= 0
    assert figures["workers"] == {"recordings": 1, "silent": 0}
    ready = await client.get("/readyz")
    assert (ready.status_code, set(ready.json()["checks"].values())) == (200, {"ok"})


async def test_no_ffmpeg(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    manager.no_ffmpeg = FFmpegNotFound("Nothing was found.")
    check = await found(client, "ffmpeg", 503)
    assert check["status"] == "failed"
    body = (await client.get("/api/health")).json()
    assert (body["success"], body["status"], body["code"]) == (False, "not_ready", "not_ready")
    assert body["error"].endswith(check["message"])
    assert body["detail"].endswith(check["advice"])
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["ffmpeg"]) == (503, "failed")
    assert check["advice"] not in ready.text, "probes see no names and paths"
    assert (await client.get("/livez")).json() == {"success": True, "status": "ok"}


async def test_some_encoders_are_missing(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    manager.pipelines = Pipelines({name: pipeline(name) for name in ("av1", "webm")}, ())
    check = await found(client, "ffmpeg")
    assert (check["status"], check["figures"]["unusable"]) == ("warning", "webm")
    manager.pipelines = Pipelines({"webm": pipeline("webm")}, ())
    assert (await found(client, "ffmpeg", 503))["status"] == "failed"


async def test_too_little_disk(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    manager.settings = manager.settings.model_copy(update={"disk_reserve_bytes": 2**62})
    check = await found(client, "disk", 503)
    assert "MiB are kept free" in check["message"]
    assert check["figures"]["reserve_bytes"] == 2**62


async def test_files_may_not_be_large_enough(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_checks, "largest_file_bytes", lambda folder: 5000)
    check = await found(client, "disk", 503)
    assert "larger than 5000 bytes" in check["message"]
    assert check["figures"]["largest_file_bytes"] == 5000


async def test_folder_that_is_not_made_yet_is_no_problem(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path
) -> None:
    gone = {"output_directory": tmp_path / "later"}
    manager.settings = manager.settings.model_copy(update=gone)
    check = await found(client, "disk")
    assert (check["status"], check["figures"]["free_bytes"]) == ("ok", None)


async def test_a_catalog_that_can_not_be_written(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    manager.catalog.broken = Unavailable("The catalog is read-only.", "Check its permissions.")
    assert (await found(client, "catalog", 503))["message"] == "The catalog is read-only."


async def test_a_check_that_takes_for_ever(
    client: httpx.AsyncClient, manager: MemoryManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_checks, "TIMEOUT_S", 0.0)
    assert "took more than" in (await found(client, "disk", 503))["message"]


async def test_what_only_warns(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    manager.pipelines = Pipelines(
        {"mp4": pipeline("mp4")}, MemoryManager(manager.settings).pipelines.failures
    )
    manager.directory.failures["demo"] = SourceUnreachable("Nothing answers.", "Check the network.")
    old = datetime.now(UTC) - timedelta(minutes=1)
    manager.rows += [recording(figures_at=old), recording("b", id="b", figures_at=None)]
    assert "NameError" in (await found(client, "pipelines"))["message"]
    assert (await found(client, "discovery"))["advice"] == "Check the network."
    check = await found(client, "workers")
    assert check["figures"] == {"recordings": 2, "silent": 2}
    body = (await client.get("/api/health")).json()
    assert (body["status"], len(body["problems"])) == ("degraded", 3)
