"""/metrics: what it says, in Prometheus' form and by its conventions; the shipped dashboard."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from orchestrator import __version__
from orchestrator.api.schemas.common import example_of
from orchestrator.api.schemas.encodes import EncodeProgress
from orchestrator.catalog.webhooks.table import STATES
from orchestrator.errors import SourceUnreachable
from orchestrator.outputs.specs import PushOutput
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.states import ACTIVE, RecordingState
from tests.kit.api.memory import FIGURES, MINT, MemoryManager, recording
from tests.kit.api.memory_webhooks import delivery

DASHBOARD = Path(__file__).parents[4] / "docs" / "grafana.json"
PUSH = PushOutput(type="push", url=SecretStr("rtmp://media.example/app/key"))
UNITS = ("_total", "_bytes", "_seconds", "_ratio", "_cores")
PLAIN = {
    *("haven_build_info", "haven_recordings", "haven_recording_info", "haven_recording_warnings"),
    *("haven_discovery_failing", "haven_event_clients", "haven_process_threads"),
    *("haven_recording_frame_rate", "haven_machine_load1", "haven_encodes", "haven_outputs"),
    "haven_webhook_deliveries",
}
"""Counts of things and a load: they have no unit."""

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    """Each value by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def usage() -> dict[str, Any]:
    """What a worker reports of one process."""
    return {"cpu_seconds": 12.5, "rss_bytes": 200, "threads": 9, "since": "2024-12-01T14:30:20Z"}


@pytest.fixture(autouse=True)
def rows(manager: MemoryManager, usage: dict[str, Any]) -> None:
    """One that records and one that failed."""
    figures = {"processes": {"worker": usage | {"pid": 11}, "ffmpeg": usage | {"pid": 12}}}
    now = datetime.now(UTC)
    manager.rows += [
        recording(id="r1", figures=FIGURES | figures, figures_at=now),
        recording("gone", id="r0", state="failed"),
    ]
    manager.directory.failures["demo"] = SourceUnreachable("Nothing answers.")


async def test_outputs(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    sending = await manager.outputs.add("r1", PUSH)
    sending.state, sending.figures, sending.attempts = "active", {"bytes": 4711}, 2
    ended = await manager.outputs.add("r0", PUSH)
    ended.state = "failed"
    found = samples((await client.get("/metrics")).text)
    for state in ("active", "failed"):
        assert found["haven_outputs", frozenset({("type", "push"), ("state", state)})] == 1
    which = {("output_id", sending.id), ("recording_id", "r1"), ("type", "push")}
    assert found["haven_output_sent_bytes_total", frozenset(which)] == 4711
    assert found["haven_output_failures_total", frozenset(which)] == 2
    assert not any(("output_id", ended.id) in labels for _, labels in found)


async def test_web_hook_calls(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    manager.webhooks.rows += [delivery(1, "waiting"), delivery(2, "failed"), delivery(3, "failed")]
    found = samples((await client.get("/metrics")).text)
    assert found["haven_webhook_deliveries", frozenset({("state", "failed")})] == 2


async def test_what_is_measured(client: httpx.AsyncClient) -> None:
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    found = samples(response.text)
    mine = ("recording_id", "r1")
    assert found["haven_recording_frames_dropped_total", frozenset({mine})] == 4
    assert found["haven_recording_queue_bytes", frozenset({mine})] == 1382400
    ffmpeg = frozenset({mine, ("role", "ffmpeg"), ("mint_id", "")})
    assert found["haven_process_cpu_seconds_total", ffmpeg] == 12.5
    assert found["haven_process_start_time_seconds", ffmpeg] == 1733063420
    server = frozenset({("role", "server"), ("recording_id", ""), ("mint_id", "")})
    assert found["haven_process_resident_memory_bytes", server] > 10**7
    assert ("haven_process_restarts_total", server) not in found, "it doesn't know"
    assert found["haven_recordings", frozenset({("state", "failed")})] == 1
    assert found["haven_discovery_failing", frozenset({("directory", "demo")})] == 1
    assert found["haven_build_info", frozenset({("version", __version__)})] == 1
    (info,) = [dict(labels) for name, labels in found if name == "haven_recording_info"]
    assert (info["recording_id"], info["mint_id"], info["state"]) == ("r1", MINT, "recording")


async def test_encodes(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    row = await manager.encodes.add("r1", EncodeOptions())
    row.state, row.progress = "running", example_of(EncodeProgress)
    done = await manager.encodes.add("r2", EncodeOptions())
    done.state, done.progress = "completed", example_of(EncodeProgress)
    found = samples((await client.get("/metrics")).text)
    assert found["haven_encodes", frozenset({("state", "completed")})] == 1
    progress = {
        labels: value for (name, labels), value in found.items() if "progress_ratio" in name
    }
    assert progress == {frozenset({("encode_id", row.id)}): 0.42}
    assert found["haven_encode_left_seconds", frozenset({("encode_id", row.id)})] == 174.2


async def test_names_follow_the_conventions(client: httpx.AsyncClient) -> None:
    text = (await client.get("/metrics")).text
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("haven_")
        assert family.documentation.endswith(".")
        for sample in family.samples:
            assert sample.name.endswith(UNITS) or sample.name in PLAIN
            assert sample.name.endswith("_total") is (family.type == "counter")


async def test_openmetrics_for_who_asks(client: httpx.AsyncClient) -> None:
    asked = {"Accept": "application/openmetrics-text; version=1.0.0"}
    response = await client.get("/metrics", headers=asked)
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


async def test_the_dashboard_asks_for_what_there_is(client: httpx.AsyncClient) -> None:
    families = text_string_to_metric_families((await client.get("/metrics")).text)
    there = {f.name + ("_total" if f.type == "counter" else "") for f in families}
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in re.findall(r"haven_\w+", target["expr"])
    }
    assert len(panels) > 10
    assert asked <= there
    assert {each for each in there if "output" in each or "webhook" in each} <= asked


def test_the_dashboard_names_states_and_types_that_there_are() -> None:
    expressions = " ".join(
        target["expr"]
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel["targets"]
    )
    named: dict[tuple[str, str], set[str]] = {}
    for of, label, values in re.findall(r'(haven_\w+)\{(\w+)=~?"([^"]+)"\}', expressions):
        named.setdefault((of, label), set()).update(values.split("|"))
    assert named["haven_recordings", "state"] == ACTIVE | {RecordingState.FAILED}
    assert named["haven_outputs", "type"] == {"hls", "upload", "push", "images"}
    assert named["haven_webhook_deliveries", "state"] == set(STATES)


async def test_one_that_copies_has_no_figures_of_an_encoder(
    client: httpx.AsyncClient, manager: MemoryManager, usage: dict[str, Any]
) -> None:
    processes = {"worker": usage | {"pid": 11}, "ffmpeg": None}
    figures = FIGURES | {"processes": processes, "encoder": None, "pipe_bytes": 4711}
    manager.rows[:] = [
        recording(
            id="c1",
            pipeline="copy",
            tracks="selected",
            video_codec="copy",
            audio_codec="copy",
            figures=figures | {"video": FIGURES["video"] | {"codec": "VP8"}},
            figures_at=datetime.now(UTC),
        )
    ]
    found = samples((await client.get("/metrics")).text)
    own = frozenset({("recording_id", "c1")})
    assert found["haven_recording_file_size_bytes", own] == 4711
    assert ("haven_recording_encoder_speed_ratio", own) not in found
    (info,) = [dict(labels) for name, labels in found if name == "haven_recording_info"]
    assert (info["pipeline"], info["video_codec"]) == ("copy", "vp8")
    roles = {dict(labels).get("role") for _, labels in found}
    assert "worker" in roles
    assert "ffmpeg" not in roles
