"""Keys and tokens while a recording runs: nowhere but in memory and where their owner put them."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import httpx
import psutil
import pytest

from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import SECRET, Server
from tests.kit.recordings.machine import Machine

pytestmark = pytest.mark.livekit

API_KEY = "key-of-the-api-that-nobody-may-see"
JWT = re.compile(rb"eyJ[\w-]{8,}\.eyJ[\w-]{8,}")
PASSED_ON = {"PATH", "HOME", "LANG", "TMPDIR"}


def secrets_in(data: bytes) -> list[bytes]:
    """What of it nobody may see."""
    return [word for word in (API_KEY.encode(), SECRET.encode()) if word in data] + JWT.findall(
        data
    )


def seen_of(process: psutil.Process, *names: str) -> bytes:
    return b"".join(Path(f"/proc/{process.pid}/{name}").read_bytes() for name in names)


def secrets_on_disk(folder: Path) -> dict[str, list[bytes]]:
    """By file; catalog, its write-ahead log, logs, segments."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = {str(path): secrets_in(path.read_bytes()) for path in files}
    return {path: words for path, words in found.items() if words}


@pytest.mark.skipif(not psutil.LINUX, reason="reads /proc")
async def test_secrets_are_in_no_argument_log_row_or_answer(
    tmp_path: Path, livekit_server: Server
) -> None:
    machine = Machine(tmp_path, livekit_server)
    machine.settings |= {"API_KEY": API_KEY, "LOG_LEVEL": "debug"}
    headers = {"X-API-Key": API_KEY}
    async with conference(livekit_server, "secrets"), machine.serving() as server:
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
            body = {"mint_id": "secrets", "output_format": "mp4"}
            answers = [await client.post("/api/recording/start", json=body)]
            id = answers[0].json()["id"]
            running = machine.processes()
            names = {p.pid: Path(p.cmdline()[0]).name for p in running}
            assert len(running) == 3, names
            assert not any(secrets_in(seen_of(p, "cmdline")) for p in running)
            children = [p for p in running if p.pid != server.process.pid]
            assert not any(secrets_in(seen_of(p, "environ")) for p in children)
            (ffmpeg,) = [p for p in children if "ffmpeg" in names[p.pid]]
            assert set(ffmpeg.environ()) <= PASSED_ON
            assert os.getpgid(ffmpeg.pid) == ffmpeg.pid
            assert os.getsid(ffmpeg.pid) == ffmpeg.ppid(), "the worker's: niceness holds within"
            assert "-protocol_whitelist" in ffmpeg.cmdline()
            assert ffmpeg.ppid() in {p.pid for p in children}, "no shell between"
            assert secrets_on_disk(tmp_path) == {}
            paths = [f"/api/recordings/{id}", "/api/recording/status/secrets", "/openapi.json"]
            answers += [await client.get(path) for path in paths]
            answers.append(await client.post("/api/recording/stop", json={"mint_id": "secrets"}))
            answers.append(await client.get("/api/live/live", headers={"X-API-Key": "wrong"}))
        await server.end(signal.SIGTERM)
    assert [answer.status_code for answer in answers] == [200] * 5 + [401]
    assert not any(secrets_in(answer.content) for answer in answers)
    assert secrets_on_disk(tmp_path) == {}
    await machine.until_nothing_is_left()


async def test_a_refused_secret_is_not_in_the_error(tmp_path: Path, livekit_server: Server) -> None:
    machine = Machine(tmp_path, livekit_server)
    wrong = f"{SECRET}-and-more"
    machine.settings |= {"LIVEKIT_API_SECRET": wrong, "LOG_LEVEL": "debug"}
    async with machine.serving() as server, httpx.AsyncClient(base_url=server.url) as client:
        body = {"mint_id": "refused", "output_format": "mp4"}
        answer = await client.post("/api/recording/start", json=body, timeout=60)
        await server.end(signal.SIGTERM)
    assert answer.status_code in (502, 504)
    assert not secrets_in(answer.content)
    assert secrets_on_disk(tmp_path) == {}
