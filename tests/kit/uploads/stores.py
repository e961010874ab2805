"""Object stores of several kinds, each a program with one bucket (scripts/object-store)."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path
from typing import Final

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.kit.ports import free_port

BUCKET: Final = "recordings"
VERSIONS: Final = {"azurite": "3.35.0", "fake-gcs-server": "1.56.1", "moto": "5.2.5"}

_ACCOUNT: Final = "devstoreaccount1"
_ACCOUNT_KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
"""Azurite's own, as its documentation has them."""


@dataclass(frozen=True, slots=True)
class Store:
    """One that runs."""

    scheme: str
    address: str
    options: dict[str, str]
    """Of an output that goes there."""

    def url(self, bucket: str = BUCKET) -> str:
        """Of an output that goes to a bucket of it."""
        return f"{self.scheme}://{bucket}/a prefix"

    async def ask(self, method: str, query: str) -> str:
        """The answer to a request for its bucket, which has to succeed."""
        headers = _azure_headers(method, query) if self.scheme == "az" else {}
        async with httpx.AsyncClient() as client:
            url = f"{self.address}/{BUCKET}?{query}"
            answer = await client.request(method, url, headers=headers)
        assert answer.is_success, answer.text
        return answer.text

    async def unfinished(self) -> int:
        """Uploads in parts that are open: objects that aren't there yet."""
        if self.scheme == "s3":
            return (await self.ask("GET", "uploads=")).count("<Upload>")
        if self.scheme == "az":
            query = "comp=list&include={}&restype=container"
            listed = [
                (await self.ask("GET", query.format(what))).count("<Blob>")
                for what in ("uncommittedblobs", "metadata")
            ]
            return listed[0] - listed[1]
        return 0


def folder(name: str) -> Path | None:
    """Where scripts/object-store put one; None if it didn't."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = cache / "haven-recorder" / f"{name}-{VERSIONS[name]}"
    return found if found.is_dir() else None


@asynccontextmanager
async def moto(data: Path) -> AsyncIterator[Store]:
    """S3 in memory, which checks no signature."""
    port = free_port()
    command = (_program("moto", "bin/python"), "-m", "moto.server", "-H", "127.0.0.1")
    async with _running(*command, "-p", str(port), port=port, cwd=data) as address:
        keys = {"access_key_id": "test-key", "secret_access_key": "test-secret"}
        place = {"endpoint": address, "region": "us-east-1", "allow_http": "true"}
        store = Store("s3", address, keys | place)
        await store.ask("PUT", "")
        yield store


@asynccontextmanager
async def azurite(data: Path) -> AsyncIterator[Store]:
    """Azure Blob Storage on a folder."""
    port = free_port()
    options = ("--location", data, "--skipApiVersionCheck", "--silent")
    command = (_program("azurite", "node_modules/.bin/azurite-blob"), *options)
    async with _running(*command, "--blobPort", str(port), port=port, cwd=data) as host:
        address = f"{host}/{_ACCOUNT}"
        keys = {"account_name": _ACCOUNT, "account_key": _ACCOUNT_KEY}
        store = Store("az", address, keys | {"endpoint": address, "allow_http": "true"})
        await store.ask("PUT", "restype=container")
        yield store


@asynccontextmanager
async def fake_gcs(data: Path) -> AsyncIterator[Store]:
    """Google Cloud Storage on a folder, which checks no signature."""
    port = free_port()
    (data / BUCKET).mkdir()
    options = ("-scheme", "http", "-host", "127.0.0.1", "-filesystem-root", data)
    command = (_program("fake-gcs-server", "fake-gcs-server"), *options)
    named = ("-port", str(port), "-public-host", f"127.0.0.1:{port}")
    async with _running(*command, *named, port=port, cwd=data) as address:
        key = {"gcs_base_url": address, "client_email": "a@example.com"}
        key |= {"private_key": private_key(), "private_key_id": "1"}
        yield Store("gs", address, {"service_account_key": json.dumps(key), "allow_http": "true"})


STORES: Final[Mapping[str, Callable[[Path], AbstractAsyncContextManager[Store]]]] = {
    "azurite": azurite,
    "fake-gcs-server": fake_gcs,
    "moto": moto,
}
"""By the name of the program."""


@asynccontextmanager
async def _running(*command: str | Path, port: int, cwd: Path) -> AsyncIterator[str]:
    """The address of a program that answers."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=DEVNULL, stderr=DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(60), httpx.AsyncClient() as client:
            while not await _answers(client, address):
                assert process.returncode is None, f"{command[0]} has ended"
                await asyncio.sleep(0.05)
        yield address
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(client: httpx.AsyncClient, address: str) -> bool:
    try:
        await client.get(address)
    except httpx.HTTPError:
        return False
    return True


def _program(name: str, path: str) -> Path:
    found = folder(name)
    assert found is not None, f"run scripts/object-store {name}"
    return found / path


def _azure_headers(method: str, query: str) -> dict[str, str]:
    """Signed with the account's key, for a request for the container.

    learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
    """
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    blank = "\n" * 12
    named = "".join(f"{name}:{value}\n" for name, value in headers.items())
    asked = "".join("\n" + one.replace("=", ":") for one in sorted(query.split("&")))
    text = f"{method}{blank}{named}/{_ACCOUNT}/{_ACCOUNT}/{BUCKET}{asked}"
    signature = hmac.digest(base64.b64decode(_ACCOUNT_KEY), text.encode(), "sha256")
    signed = f"SharedKey {_ACCOUNT}:{base64.b64encode(signature).decode()}"
    return headers | {"authorization": signed}


@lru_cache(1)
def private_key() -> str:
    """Of a service account of Google's, in PEM."""
    key = rsa.generate_private_key(65537, 2048)
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    return key.private_bytes(*kinds, serialization.NoEncryption()).decode()
