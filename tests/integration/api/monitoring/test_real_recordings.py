"""A real recording, watched from its first moment to its end: every address that tells of it."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from orchestrator.encoding.process.priority import NICENESS
from tests.kit.api.sse import Event, Listener, listening
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.recordings.machine import Machine

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


async def until(listener: Listener, state: str) -> list[Event]:
    """All events until a recording is in this state."""
    told: list[Event] = []
    while not told or (told[-1].name, told[-1].data.get("state")) != ("recording", state):
        told.append(await listener.next())
    return told


async def processes(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    """Each by its role, once all were looked at twice."""
    async with asyncio.timeout(30):
        while True:
            told = (await client.get("/api/processes")).json()["processes"]
            if len(told) == 3 and all(process["cpu_cores_1m"] for process in told):
                return {process["role"]: process for process in told}
            await asyncio.sleep(0.1)


def check_processes(found: dict[str, dict[str, Any]], id: str, server_pid: int) -> None:
    """They are real ones, and use what the kernel says."""
    assert found["server"]["pid"] == server_pid
    for role in ("worker", "ffmpeg"):
        told = found[role]
        real = psutil.Process(told["pid"])
        times = real.cpu_times()
        assert told["recording_id"] == id
        assert 0 < told["cpu_seconds"] <= times.user + times.system
        assert told["cpu_cores_1m"] > 0
        assert told["threads"] >= 1
        assert told["rss_bytes"] == pytest.approx(real.memory_info().rss, rel=0.5)
        assert told["frames_written"] > 0
        assert (told["frames_dropped"], told["restarts"]) == (0, 0)
    assert found["ffmpeg"]["nice"] == found["worker"]["nice"] + NICENESS
    assert (found["worker"]["state"], found["ffmpeg"]["state"]) == ("recording", "running")
    assert "/ffmpeg" in psutil.Process(found["ffmpeg"]["pid"]).exe()
    assert found["ffmpeg"]["speed"] > 0
    assert found["ffmpeg"]["progress_age_s"] < 30
    assert found["worker"]["queue_limit_bytes"] > 0


async def check_logs(client: httpx.AsyncClient, found: dict[str, dict[str, Any]], id: str) -> None:
    """ffmpeg's is ffmpeg's; each line of the worker's carries the recording."""
    told = (await client.get(found["ffmpeg"]["log_url"])).json()["lines"]
    assert any("Input #0, nut" in line for line in told)
    told = (await client.get(found["worker"]["log_url"])).json()["lines"]
    assert [json.loads(line)["recording"] for line in told] == [id] * len(told)
    assert any(json.loads(line)["event"] == "encoding" for line in told)


async def test_a_recording_from_its_first_moment_to_its_end(
    tmp_path: Path, livekit_server: Server
) -> None:
    machine = Machine(tmp_path, livekit_server)
    machine.settings["LOG_FORMAT"] = "json"
    async with machine.serving() as server, httpx.AsyncClient(base_url=server.url) as client:
        async with (
            publish(livekit_server, "watched", width=160, height=96),
            listening(server.url) as listener,
        ):
            assert (await listener.next()).data["recordings"] == []
            id = await server.start("watched")
            begun = await until(listener, "recording")
            await server.until_recorded(id, 2)
            while not tells_rate(begun):
                begun.append(await listener.next())
            found = await processes(client)
            check_processes(found, id, server.process.pid)
            await check_logs(client, found, id)
            metrics = (await client.get("/metrics")).text
            assert f'haven_recording_frames_written_total{{recording_id="{id}"}}' in metrics
            health = (await client.get("/api/health")).json()
            workers = next(c for c in health["checks"] if c["name"] == "workers")
            assert (workers["status"], workers["figures"]["recordings"]) == ("ok", 1)
            history = (await client.get("/api/system/history")).json()
            assert any(history["cpu_cores_ours"])
            await server.post("/api/recording/stop", mint_id="watched")
            ended = await until(listener, "completed")
            event_log = (await client.get(f"/api/recordings/{id}/events")).json()["events"]
            while ended[-1].data.get("id") != event_log[-1]["id"]:
                ended.append(await listener.next())
        check_event_log([*begun, *ended], event_log, id)
        async with listening(server.url, str(event_log[-2]["id"])) as listener:
            assert (await listener.next("story", "snapshot")).id == str(event_log[-1]["id"])
            await server.end(signal.SIGTERM)
            await listener.until_end()
    assert "graceful shutdown exceeded" not in machine.log(), "a page that is open holds nothing up"


def tells_rate(events: list[Event]) -> bool:
    """Whether the figures have a frame rate."""
    figures = [event.data for event in events if event.name == "figures"]
    return any(one["recordings"] and one["recordings"][0]["fps"] for one in figures)


def check_event_log(events: list[Event], event_log: list[dict[str, Any]], id: str) -> None:
    """What was sent live, in order and once, is what stands in the catalog."""
    live = [event for event in events if event.name == "story"]
    assert {event.data["recording_id"] for event in live} == {id}
    ids = [event.data["id"] for event in live]
    assert ids == [line["id"] for line in event_log][: len(ids)]
    kinds = {event.data["kind"] for event in live}
    assert {"joined", "published", "video", "ffmpeg", "state", "segment"} <= kinds
    changes = [line["data"] for line in event_log if line["kind"] == "state"]
    assert changes[0] == {"from": "starting", "to": "recording"}
    assert changes[-1] == {"from": "stopping", "to": "completed"}
    states = [event.data["state"] for event in events if event.name == "recording"]
    assert (states[-1], states.count("completed")) == ("completed", 1)
    assert "error" not in {line["level"] for line in event_log}
