"""Targets that answer badly, over real connections: by obstore and by our own requests."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from orchestrator.errors import (
    BucketMissing,
    ClockWrong,
    UploadBusy,
    UploadDenied,
    UploadError,
    UploadGarbled,
    UploadMismatch,
)
from orchestrator.uploads.bandwidth import Bandwidth
from orchestrator.uploads.objects import ONE_REQUEST, LocalFile, Objects, Watcher
from orchestrator.uploads.s3.bucket import MOST_BYTES, http_client
from orchestrator.uploads.targets import open_target
from tests.kit.uploads.answering import answering

SMALL, LARGE = 1000, ONE_REQUEST + 1


def xml(code: str) -> bytes:
    return f"<Error><Code>{code}</Code></Error>".encode()


async def put(folder: Path, endpoint: str, size: int) -> None:
    path = folder / "talk.mp4"
    path.write_bytes(bytes(size))
    options = {"endpoint": endpoint, "region": "x", "allow_http": "true"}
    options |= {"access_key_id": "key", "secret_access_key": "a-secret-key"}
    target = open_target("s3://bucket/prefix", options)
    digest = hashlib.sha256(bytes(size)).hexdigest()
    file = LocalFile(
        path=path, size=size, sha256=digest, key="k/talk.mp4", content_type="video/mp4"
    )

    async def opened(_id: str) -> None:
        return

    async with http_client(target.client) as client:
        objects = Objects(target, client, Bandwidth(None))
        watcher = Watcher(opened=opened, sent=lambda _bytes: None)
        await objects.put(file, watcher, open_id=None, read_back=False)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, xml("AccessDenied"), UploadDenied),
        (403, xml("RequestTimeTooSkewed"), ClockWrong),
        (404, xml("NoSuchBucket"), BucketMissing),
        (429, b"", UploadBusy),
        (200, b"<html>Welcome!</html>", UploadGarbled),
    ],
)
async def test_it_is_told_apart(
    tmp_path: Path, size: int, status: int, body: bytes, error: type[UploadError]
) -> None:
    async with answering(status, body) as server:
        with pytest.raises(error) as raised:
            await put(tmp_path, server.address, size)
    assert type(raised.value) is error
    assert "a-secret-key" not in str(raised.value)


async def test_a_busy_one_is_reported_soon(tmp_path: Path) -> None:
    async with answering(503, xml("SlowDown")) as server:
        async with asyncio.timeout(15):
            with pytest.raises(UploadBusy):
                await put(tmp_path, server.address, SMALL)
            with pytest.raises(UploadBusy):
                await put(tmp_path, server.address, LARGE)


async def test_an_answer_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    async with answering(200, bytes(5 * MOST_BYTES)) as server:
        with pytest.raises(UploadGarbled):
            await put(tmp_path, server.address, LARGE)


async def test_an_object_of_another_size_is_a_mismatch(tmp_path: Path) -> None:
    modified = 'ETag: "x"\r\nLast-Modified: Mon, 30 Nov 2026 18:00:00 GMT\r\n'
    async with answering(200, b"", modified) as server:
        with pytest.raises(UploadMismatch):
            await put(tmp_path, server.address, SMALL)


async def test_one_that_isnt_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(UploadError) as raised:
        await put(tmp_path, "http://127.0.0.1:9", LARGE)
    assert raised.value.code == "upload_unreachable"
