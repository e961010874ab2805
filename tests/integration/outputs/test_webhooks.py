"""Web hooks of real recordings: sent by a server that is killed meanwhile, and by `record`."""

from __future__ import annotations

import hashlib
import json
import signal
from pathlib import Path

import pytest
from livekit.api import TokenVerifier, WebhookReceiver

from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import Server
from tests.kit.recordings.machine import Machine
from tests.kit.webhooks.receivers import receiving

pytestmark = pytest.mark.real_time

SECRET = "s" * 40


@pytest.mark.livekit
async def test_a_server_that_is_killed_loses_and_doubles_no_event(
    tmp_path: Path, livekit_server: Server
) -> None:
    machine = Machine(tmp_path, livekit_server)
    async with conference(livekit_server, "hooked"), receiving() as receiver:
        hook = {"url": receiver.url, "key": f"devkey:{SECRET}", "signature": "livekit"}
        machine.settings["WEBHOOKS"] = json.dumps([hook])
        async with machine.serving() as server:
            id = await server.start("hooked")
            await receiver.until(3)
            server.process.send_signal(signal.SIGKILL)
            await server.until_gone()
        async with machine.serving() as second:
            await second.until_recorded(id, 2)
            await second.post("/api/recording/stop", mint_id="hooked")
            row = await second.until_ended(id)
            await receiver.until(4)
            await second.end(signal.SIGTERM)
    assert receiver.types == [
        *("recording.started", "recording.joined", "recording.first_frame", "recording.finished")
    ]
    made = Path(row["output_path"])
    (file,) = receiver.calls[-1].event["data"]["files"]
    assert file["name"] == made.name
    assert file["sha256"] == hashlib.sha256(made.read_bytes()).hexdigest()
    assert (file["size_bytes"], file["integrity"]) == (made.stat().st_size, "whole")
    verifier = WebhookReceiver(TokenVerifier("devkey", SECRET))
    for call in receiver.calls:
        assert verifier.receive(call.body.decode(), call.headers["Authorization"]).event
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_pauses_and_uploads_are_reported_in_their_order_and_with_their_data(
    tmp_path: Path,
) -> None:
    machine, away = Machine(tmp_path), tmp_path / "away"
    away.mkdir()
    machine.settings["ALLOW_PRIVATE_TARGETS"] = "true"
    upload = {"type": "upload", "url": away.as_uri()}
    async with receiving() as receiver, machine.serving() as server:
        hooks = [{"url": receiver.url}]
        answer = await server.ask_to_start(
            "demo", output_format="mp4", outputs=[upload], webhooks=hooks
        )
        assert answer.status_code == 200, answer.text
        id = answer.json()["id"]
        await server.until_recorded(id, 1)
        await server.post("/api/recording/pause", mint_id="demo")
        await server.until_state(id, "paused")
        await server.post("/api/recording/resume", mint_id="demo")
        await server.until_state(id, "recording")
        await server.until_recorded(id, 2)
        await server.post("/api/recording/stop", mint_id="demo")
        await receiver.until_type("recording.uploaded")
    events = [call.event for call in receiver.calls]
    others = [each for each in events if each["type"] != "output.changed"]
    assert [each["type"].partition(".")[2] for each in others] == [
        *("started", "joined", "first_frame", "paused", "resumed", "finished", "uploaded")
    ]
    assert [each["timestamp"] for each in others] == sorted(each["timestamp"] for each in others)
    assert {each["recording"]["id"] for each in events} == {id}
    assert others[3]["data"]["message"] == "recording -> paused"
    assert others[4]["data"]["message"] == "paused -> recording"
    uploaded = others[-1]["data"]
    assert (uploaded["type"], uploaded["to"]) == ("upload", "complete")
    assert uploaded["from"] == "active"
    assert others == events, "nothing failed: no call for each pass of an upload"
    (file,) = others[-2]["data"]["files"]
    (copied,) = away.glob(f"*/{file['name']}")
    assert hashlib.sha256(copied.read_bytes()).hexdigest() == file["sha256"]


@pytest.mark.all_only
async def test_record_makes_its_own_calls(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    async with receiving() as receiver:
        machine.settings["WEBHOOKS"] = json.dumps([{"url": receiver.url}])
        code, said = await machine.run("record", "demo", "--format", "mp4", "--duration", "1")
        assert (code, "aren't delivered" in said) == (0, False), said
    assert receiver.types == [
        *("recording.started", "recording.joined", "recording.first_frame", "recording.finished")
    ]
    assert receiver.calls[-1].event["data"]["files"][0]["sha256"] is not None
