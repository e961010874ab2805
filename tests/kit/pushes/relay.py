"""A relay that others wrote: node-media-server (npm), with RTMP and RTMPS."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.ports import free_port

VARIABLE = "HAVEN_NODE_MEDIA_SERVER"
"""Names the folder of the npm package."""


@dataclass(frozen=True)
class Relay:
    """One that runs, for the name localhost."""

    rtmp: int
    rtmps: int
    certificate: Path


def folder() -> Path:
    """Of the package; skips the test without it."""
    found = os.environ.get(VARIABLE)
    if not found or shutil.which("node") is None:
        pytest.skip(f"needs node, and {VARIABLE}: the folder of the npm package node-media-server")
    return Path(found)


def certificate(path: Path) -> tuple[Path, Path]:
    """A key and a certificate for localhost, signed by itself."""
    key, cert = path / "key.pem", path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(key), "-out", str(cert), "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


@asynccontextmanager
async def relaying(path: Path, *, secret: str = "") -> AsyncIterator[Relay]:
    """With a secret it takes only those who publish with a signature."""
    package = folder()
    key, cert = certificate(path)
    relay = Relay(free_port(), free_port(), cert)
    config = {
        "bind": "127.0.0.1",
        "auth": {"play": False, "publish": bool(secret), "secret": secret},
        "rtmp": {"port": relay.rtmp},
        "rtmps": {"port": relay.rtmps, "key": str(key), "cert": str(cert)},
    }
    program = f"const N = require({str(package)!r}); new N({json.dumps(config)}).run()"
    with (path / "relay.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *("node", "-e", program), cwd=path, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", relay.rtmp)
                    break
                except ConnectionRefusedError:
                    assert process.returncode is None, (path / "relay.log").read_text()
                    await asyncio.sleep(0.05)
        writer.close()
        yield relay
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
