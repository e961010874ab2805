"""Pushes by SRT and WHIP, and of what has to be encoded for them, with a real server."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.kit.ports import free_port
from tests.kit.pushes.receivers import receiving
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.signals.reading import read
from tests.kit.sources.url_sender import FPS, Film
from tests.kit.whip.publishing import KEY, until_live

pytestmark = [pytest.mark.real_time, pytest.mark.all_only]

PASSPHRASE = "a-passphrase-nobody-may-see"


def machine_with(tmp_path: Path, film: Path) -> Machine:
    """Its server plays a film as "studio", and takes publishers of "lobby"."""
    machine = Machine(tmp_path)
    machine.settings |= {
        "STREAMS": f'{{"studio": {{"url": "file://{film}"}}, "lobby": {{"whip": "{KEY}"}}}}',
        "ALLOW_PRIVATE_TARGETS": "true",
        "WORKER_IN_RESERVE": "true",
    }
    return machine


async def start(server: ServerProcess, *outputs: dict[str, str], **how: str) -> str:
    """Records the film with these outputs; the recording's id."""
    body = {"mint_id": "studio", "output_format": "mp4", "outputs": list(outputs), **how}
    answer = await server.ask("/api/recording/start", **body)
    assert answer.status_code == 200, answer.text
    listed = await server.get("/api/recordings?state=recording")
    return next(str(r["id"]) for r in listed["recordings"] if r["mint_id"] == "studio")


async def test_srt_and_whip_get_what_is_recorded(tmp_path: Path) -> None:
    film = Film().make(tmp_path / "film.mkv")
    port = free_port()
    place = f"srt://127.0.0.1:{port}?passphrase={PASSPHRASE}&streamid=a-secret-id"
    machine = machine_with(tmp_path, film)
    async with (
        machine.serving() as server,
        receiving(f"{place}&mode=listener", tmp_path / "srt.mkv") as receiver,
    ):
        whip = {"type": "push", "url": f"whip+{server.url}/whip/lobby", "token": KEY}
        id = await start(server, {"type": "push", "url": place}, whip)
        await until_live(machine, "lobby")
        lobby = await server.start_copy("lobby")
        await server.until_recorded(lobby, 5)
        outputs = (await server.get(f"/api/recordings/{id}/outputs"))["outputs"]
        await server.post("/api/recording/stop", mint_id="lobby")
        answer = await server.post("/api/recording/stop", mint_id="studio")
        await receiver.ended()
        published = await server.until_ended(lobby)
        ends = (await server.get(f"/api/recordings/{id}/outputs"))["outputs"]
        await server.end(signal.SIGTERM)
    assert [each["state"] for each in outputs] == ["active", "active"]
    assert [each["figures"]["encodes"] for each in outputs] == [[], ["video", "audio"]]
    recorded, srt = read(Path(answer["final_path"])), read(receiver.path)
    assert srt.missing == 0
    assert srt.in_order_and_once
    assert srt.numbers[-1] >= recorded.numbers[-1] - 3 * FPS, "closing SRT discards what waits"
    assert max(map(abs, srt.offsets_s)) < 0.015 + max(map(abs, recorded.offsets_s))
    received = read(Path(published["output_path"]))
    assert received.missing == 0
    assert received.in_order_and_once
    assert max(map(abs, received.offsets_s)) < 0.2, "until its first sender reports"
    assert [each["state"] for each in ends] == ["complete", "complete"]
    assert PASSPHRASE not in machine.log()
    await machine.until_nothing_is_left()


async def test_vp9_and_opus_are_encoded_for_rtmp(tmp_path: Path) -> None:
    film = Film().make(tmp_path / "film.mkv")
    url = f"rtmp://127.0.0.1:{free_port()}/live/key"
    machine = machine_with(tmp_path, film)
    async with (
        machine.serving() as server,
        receiving(url, tmp_path / "rtmp.mkv") as receiver,
    ):
        id = await start(server, {"type": "push", "url": url}, output_format="webm")
        await server.until_recorded(id, 8)
        outputs = (await server.get(f"/api/recordings/{id}/outputs"))["outputs"]
        answer = await server.post("/api/recording/stop", mint_id="studio")
        await receiver.ended()
        await server.end(signal.SIGTERM)
    assert outputs[0]["figures"]["encodes"] == ["video", "audio"]
    recorded, received = read(Path(answer["final_path"])), read(receiver.path)
    assert (received.video_codec, received.audio_codec) == ("h264", "aac")
    assert received.missing == 0
    assert received.in_order_and_once
    assert received.numbers[-1] == recorded.numbers[-1]
    assert max(map(abs, received.offsets_s)) < 0.015 + max(map(abs, recorded.offsets_s))
