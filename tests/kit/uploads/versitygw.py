"""A real S3 server on a folder: versitygw, which scripts/versitygw builds."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from orchestrator.uploads.s3.bucket import S3Bucket, http_client
from orchestrator.uploads.targets import open_target
from tests.kit.ports import free_port

VERSION: Final = "v1.8.0"
KEY: Final = "test-key"
SECRET: Final = "test-secret-4711"
BUCKET: Final = "recordings"


def binary() -> Path | None:
    """$HAVEN_VERSITYGW, else the one that scripts/versitygw built; None if there is none."""
    if given := os.environ.get("HAVEN_VERSITYGW"):
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    built = cache / "haven-recorder" / f"versitygw-{VERSION}" / "versitygw"
    return built if built.exists() else None


class VersityGw:
    """One server with one bucket; it can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._data, self._metadata = folder / "objects", folder / "metadata"
        self.bucket = self._data / BUCKET
        self.bucket.mkdir(parents=True)
        self._metadata.mkdir()
        self.port = free_port()
        self._process: Process | None = None

    @property
    def options(self) -> dict[str, str]:
        """Of an output that goes there."""
        return {
            "endpoint": f"http://127.0.0.1:{self.port}",
            "region": "us-east-1",
            "access_key_id": KEY,
            "secret_access_key": SECRET,
            "allow_http": "true",
        }

    async def start(self) -> None:
        """Returns when it answers."""
        program = binary()
        assert program is not None
        self._process = await asyncio.create_subprocess_exec(
            *(program, "--port", f"127.0.0.1:{self.port}", "--quiet", "posix"),
            *("--sidecar", self._metadata, self._data),
            env={**os.environ, "ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET},
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        async with asyncio.timeout(30):
            while not await self._answers():
                assert self._process.returncode is None, "versitygw has ended"
                await asyncio.sleep(0.05)

    async def allow_reading(self) -> str:
        """Lets anybody read the bucket, as a public one; its address."""
        statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        statement["Resource"] = f"arn:aws:s3:::{BUCKET}/*"
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()
        target = open_target(f"s3://{BUCKET}", self.options)
        digest = hashlib.sha256(policy).hexdigest()
        async with http_client(target.client) as client:
            bucket = S3Bucket(target, client)
            await bucket.request("PUT", "", {"policy": ""}, body=policy, sha256=digest)
        return f"http://127.0.0.1:{self.port}/{BUCKET}"

    async def stop(self) -> None:
        """At once, as a power cut would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await process.wait()

    @asynccontextmanager
    async def away(self, how: str) -> AsyncIterator[None]:
        """`killed` or `frozen` (SIGSTOP: its connections stay, and nothing answers) meanwhile."""
        if how == "killed":
            await self.stop()
            yield
            await self.start()
            return
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        yield
        self._process.send_signal(signal.SIGCONT)

    def objects(self) -> dict[str, Path]:
        """All that can be seen, by key."""
        found = [path for path in self.bucket.rglob("*") if path.is_file()]
        keys = {str(path.relative_to(self.bucket)): path for path in found}
        return {key: path for key, path in keys.items() if not key.startswith(".sgwtmp")}

    def unfinished(self) -> list[str]:
        """Uploads in parts that are open, with what they hold."""
        parts = (self.bucket / ".sgwtmp").rglob("*")
        return [str(path) for path in parts if path.is_file()]

    async def _answers(self) -> bool:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.close()
            await writer.wait_closed()
            return True
        return False


@asynccontextmanager
async def versitygw(folder: Path) -> AsyncIterator[VersityGw]:
    """One that runs."""
    server = VersityGw(folder)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
