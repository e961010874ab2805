"""Keys of an encrypted room: nowhere but in memory, and in the catalog as nobody can read them."""

from __future__ import annotations

import base64
import os
import signal
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
import pytest

from tests.kit.livekit.crowd import conference
from tests.kit.livekit.encryption import PASSPHRASE, shared
from tests.kit.livekit.server import Server
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

KEY: Final = base64.b64encode(b"a raw key of whoever comes later").decode()
E2EE: Final = {
    "passphrase": PASSPHRASE,
    "participants": {"speaker-9": {"key": KEY}, "speaker-8": {"passphrase": "also-s3cret-words"}},
}
SECRETS: Final = [each.encode() for each in (PASSPHRASE, KEY, "also-s3cret-words")]
SECRETS.append(base64.b64decode(KEY))


def found_in(data: bytes) -> list[bytes]:
    return [each for each in SECRETS if each in data]


def on_disk(folder: Path) -> dict[str, list[bytes]]:
    """By file: catalog, its write-ahead log, logs, segments."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): words for path in files if (words := found_in(path.read_bytes()))}


def in_processes(machine: Machine) -> list[tuple[int, str]]:
    """Arguments and environments, as /proc and ps show them."""
    return [
        (process.pid, name)
        for process in machine.processes()
        for name in ("cmdline", "environ")
        if found_in(Path(f"/proc/{process.pid}/{name}").read_bytes())
    ]


async def answers(server: ServerProcess, id: str, room: str) -> list[str]:
    """Paths whose answers have a secret."""
    paths = [
        *(f"/api/recordings/{id}", "/api/recordings", f"/api/recording/status/{room}"),
        *("/api/recording/active", "/api/recording/watch", "/api/settings", "/metrics"),
        *("/api/processes", "/api/health", "/openapi.json"),
    ]
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        found = [(path, await client.get(path)) for path in paths]
    assert {answer.status_code for _, answer in found} == {200}
    return [path for path, answer in found if found_in(answer.content)]


@pytest.mark.skipif(not psutil.LINUX, reason="reads /proc")
async def test_keys_are_in_nothing_that_can_be_read_and_a_recording_goes_on_with_them(
    tmp_path: Path, livekit_server: Server
) -> None:
    machine, room = Machine(tmp_path, livekit_server), "e2ee-secret"
    machine.settings |= {"LOG_LEVEL": "debug", "LEAVE_RECORDINGS_RUNNING": "true"}
    async with conference(livekit_server, room, encryption=shared()):
        async with machine.serving() as server:
            wrong: dict[str, Any] = {"passphrase": PASSPHRASE, "key": KEY, "kdf": KEY}
            refused = await server.ask("/api/recording/start", mint_id=room, e2ee=wrong)
            assert (refused.status_code, found_in(refused.content)) == (422, [])
            watched = await server.ask("/api/recording/watch", mint_id="never", e2ee=E2EE)
            assert (watched.status_code, found_in(watched.content)) == (200, [])
            assert watched.json()["request"]["e2ee"] == "***"
            body = {"mint_id": room, "output_format": "mp4", "video_quality": "low", "e2ee": E2EE}
            started = await server.post("/api/recording/start", **body)
            id = str(started["id"])
            await server.until_recorded(id, 1.0)
            assert on_disk(tmp_path) == {}
            assert in_processes(machine) == []
            assert await answers(server, id, room) == []
            (worker,) = [p for p in machine.processes() if "worker" in " ".join(p.cmdline())]
            os.kill(worker.pid, signal.SIGKILL)
            await server.until_recorded(id, 3.0)
            await server.end(signal.SIGKILL)
        async with machine.serving() as server:
            (worker,) = [p for p in machine.processes() if "worker" in " ".join(p.cmdline())]
            os.kill(worker.pid, signal.SIGKILL)
            await server.until_recorded(id, 5.0)
            await server.post("/api/recording/stop", mint_id=room)
            ended = await server.until_ended(id)
            assert ended["state"] == "completed", ended
            assert await answers(server, id, room) == []
            await server.end(signal.SIGTERM)
    assert on_disk(tmp_path) == {}
    file = read(Path(str(ended["output_path"])))
    assert file.in_order
    assert file.unreadable == 0
    assert len(file.numbers) > 60
