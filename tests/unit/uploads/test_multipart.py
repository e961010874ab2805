"""An upload in parts that its target has forgotten is begun anew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.errors import UploadError
from orchestrator.uploads.bandwidth import Bandwidth
from orchestrator.uploads.failures import failure_of
from orchestrator.uploads.s3.bucket import Answer
from orchestrator.uploads.s3.multipart import READ_BYTES, MultipartUpload, PartedFile, read_slowly


class ForgetfulBucket:
    """Knows only uploads that were begun here, and doesn't say which parts they have."""

    def __init__(self, *, forgets_all: bool = False) -> None:
        self.begun: list[str] = []
        self._forgets_all = forgets_all

    async def key_in_bucket(self, key: str) -> str:
        return key

    async def request(self, method: str, key: str, query: Mapping[str, str], **_: Any) -> Answer:
        if method == "GET":
            raise failure_of("s3://bucket", 403, "<Code>AccessDenied</Code>")
        if "uploads" in query:
            self.begun.append(f"new-{len(self.begun)}")
            return self._xml("InitiateMultipartUploadResult", UploadId=self.begun[-1])
        if query["uploadId"] not in self.begun or self._forgets_all:
            raise failure_of("s3://bucket", 404, "<Code>NoSuchUpload</Code>")
        if method == "PUT":
            return Answer("", httpx.Headers({"etag": '"part"'}))
        return self._xml("CompleteMultipartUploadResult", ETag="whole")

    def _xml(self, root: str, **values: str) -> Answer:
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
        return Answer(f"<{root}>{inner}</{root}>", httpx.Headers())


def upload(bucket: Any, path: Path, ids: list[str]) -> MultipartUpload:
    async def opened(id: str) -> None:
        ids.append(id)

    file = PartedFile(
        path=path,
        size=path.stat().st_size,
        key="key",
        content_type="video/mp4",
        headers={},
        pace=Bandwidth(None),
        opened=opened,
        sent=lambda _bytes: None,
    )
    return MultipartUpload(bucket, "s3://bucket", file)


async def test_a_stale_id_begins_anew(tmp_path: Path) -> None:
    (path := tmp_path / "talk.mp4").write_bytes(b"frames")
    bucket, ids = ForgetfulBucket(), list[str]()
    assert await upload(bucket, path, ids).run("stale") == "whole"
    assert ids == ["stale", "new-0"]


async def test_but_only_once(tmp_path: Path) -> None:
    (path := tmp_path / "talk.mp4").write_bytes(b"frames")
    bucket = ForgetfulBucket(forgets_all=True)
    with pytest.raises(UploadError):
        await upload(bucket, path, []).run("stale")
    assert bucket.begun == ["new-0"]


async def pieces(path: Path, pace: Bandwidth, size: int) -> AsyncIterator[int]:
    async for data in read_slowly(path, 0, size, pace):
        yield len(data)


@pytest.mark.parametrize(
    ("bps", "largest"), [(64_000, 8_000), (10**9, READ_BYTES), (None, READ_BYTES)]
)
async def test_pieces_are_of_a_second_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bps: int | None, largest: int
) -> None:
    (path := tmp_path / "talk.mp4").write_bytes(bytes(3 * READ_BYTES))
    pace = Bandwidth(bps)

    async def at_once(_size: int) -> None:
        return

    monkeypatch.setattr(pace, "take", at_once)
    sizes = [size async for size in pieces(path, pace, 3 * READ_BYTES)]
    assert (max(sizes), sum(sizes)) == (largest, 3 * READ_BYTES)
