"""Uploads one file in parts, and goes on with what an earlier process sent of it.

An upload that is open costs storage without showing up among the objects, and obstore can neither
list nor end those of a process that died. So a part is sent only for an upload whose id the catalog
has or that S3 lists for the key; all others of the key are aborted.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from orchestrator.errors import FileGone, UploadError, UploadMismatch
from orchestrator.uploads.bandwidth import Bandwidth
from orchestrator.uploads.failures import failure_of, garbled, unreadable
from orchestrator.uploads.s3.answers import (
    NotXml,
    Part,
    completion,
    read_parts,
    read_uploads,
    text_of,
)
from orchestrator.uploads.s3.bucket import S3Bucket, is_no_upload, is_not_for_us

log = structlog.get_logger(__name__)

PART_BYTES: Final = 8 * 2**20
MOST_PARTS: Final = 9_000
"""S3 allows 10,000, of 5 MiB to 5 GiB each, all but the last of one size for some servers (R2)."""
READ_BYTES: Final = 256 * 1024
LIST_PAGES: Final = 20


def part_size(size: int) -> int:
    """Bytes of each part but the last, for a file of this size; a multiple of 1 MiB."""
    return max(PART_BYTES, math.ceil(size / MOST_PARTS / 2**20) * 2**20)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartedFile:
    """What is uploaded, and what is called meanwhile."""

    path: Path
    size: int
    key: str
    content_type: str
    headers: Mapping[str, str]
    """Further ones of the object: how it is encrypted."""
    pace: Bandwidth
    opened: Callable[[str], Awaitable[None]]
    """With the upload's id, before its first part is sent."""
    sent: Callable[[int], None]
    """With the bytes that are there now, of all parts."""


class MultipartUpload:
    """The upload of one file to one key."""

    def __init__(self, bucket: S3Bucket, shown: str, file: PartedFile) -> None:
        self._bucket, self._shown, self._file = bucket, shown, file
        self._part_size = part_size(file.size)

    async def run(self, id: str | None) -> str:
        """Uploads it, with what upload `id` has of it already; returns the object's ETag.

        UploadError: what is sent stays there for the next call. Cancellation likewise.
        """
        try:
            return await self._send(*await self._begin(id))
        except UploadError as error:
            if not is_no_upload(error):
                raise
            log.info("the upload in parts is gone from its target, so it is begun anew")
            return await self._send(await self._create(), {})

    async def _send(self, id: str, there: Mapping[int, Part]) -> str:
        parts: list[Part] = []
        done = 0
        for number in range(1, math.ceil(self._file.size / self._part_size) + 1):
            parts.append(await self._part(id, number, there.get(number)))
            done += parts[-1].size
            self._file.sent(done)
        return await self._complete(id, parts)

    async def abort(self, id: str | None = None) -> None:
        """Ends this upload and all that S3 lists for the key; UploadError."""
        for open_id in {*([id] if id else []), *await self._listed()}:
            await self._abort(open_id)

    async def _begin(self, id: str | None) -> tuple[str, dict[int, Part]]:
        listed = await self._listed()
        for candidate in dict.fromkeys([*([id] if id else []), *listed]):
            there = await self._parts(candidate)
            if there is not None:
                for other in set(listed) - {candidate}:
                    await self._abort(other)
                await self._file.opened(candidate)
                return candidate, there
        return await self._create(), {}

    async def _create(self) -> str:
        headers = {"content-type": self._file.content_type, **self._file.headers}
        answer = await self._bucket.request(
            "POST", self._file.key, {"uploads": ""}, headers=headers
        )
        new = self._text(answer.body, "InitiateMultipartUploadResult", "UploadId")
        await self._file.opened(new)
        return new

    async def _listed(self) -> list[str]:
        key = await self._bucket.key_in_bucket(self._file.key)
        try:
            answer = await self._bucket.request("GET", "", {"uploads": "", "prefix": key})
            return read_uploads(answer.body, key)
        except NotXml as error:
            raise garbled(self._shown, str(error)) from error
        except UploadError as error:
            if not is_not_for_us(error):
                raise
            log.info("open uploads can't be listed", error=error.error)
            return []

    async def _parts(self, id: str) -> dict[int, Part] | None:
        """Those that have arrived; None if there is no such upload."""
        found: dict[int, Part] = {}
        marker = "0"
        for _ in range(LIST_PAGES):
            query = {"uploadId": id, "part-number-marker": marker}
            try:
                answer = await self._bucket.request("GET", self._file.key, query)
                parts, more = read_parts(answer.body)
            except NotXml as error:
                raise garbled(self._shown, str(error)) from error
            except UploadError as error:
                if is_no_upload(error):
                    return None
                if is_not_for_us(error):
                    return {}  # all parts are sent again
                raise
            found |= {part.number: part for part in parts}
            if more is None:
                break
            marker = more
        return found

    async def _part(self, id: str, number: int, there: Part | None) -> Part:
        at = (number - 1) * self._part_size
        size = min(self._part_size, self._file.size - at)
        md5, sha256 = await asyncio.to_thread(digests, self._file.path, at, size)
        if there is not None and there.size == size and there.e_tag == md5:
            return there
        answer = await self._bucket.request(
            "PUT",
            self._file.key,
            {"partNumber": str(number), "uploadId": id},
            body=read_slowly(self._file.path, at, size, self._file.pace),
            size=size,
            sha256=sha256,
        )
        if not answer.e_tag:
            raise garbled(self._shown, "a part without ETag")
        if is_md5(answer.e_tag) and answer.e_tag != md5 and not _is_encrypted(answer.headers):
            raise UploadMismatch(
                f"{self._shown} got something else than part {number} of {self._file.path.name}.",
                "Something between here and there changes what is sent. It is tried again.",
            )
        return Part(number, answer.e_tag, size)

    async def _complete(self, id: str, parts: list[Part]) -> str:
        body = completion(parts)
        answer = await self._bucket.request(
            "POST",
            self._file.key,
            {"uploadId": id},
            body=body,
            sha256=hashlib.sha256(body).hexdigest(),
        )
        if "<Error>" in answer.body:  # with 200: it had begun to answer
            raise failure_of(self._shown, 503, answer.body)
        return self._text(answer.body, "CompleteMultipartUploadResult", "ETag").strip('"')

    async def _abort(self, id: str) -> None:
        try:
            await self._bucket.request("DELETE", self._file.key, {"uploadId": id})
        except UploadError as error:
            if not is_no_upload(error):
                raise

    def _text(self, body: str, root: str, name: str) -> str:
        try:
            return text_of(body, root, name)
        except NotXml as error:
            raise garbled(self._shown, str(error)) from error


def digests(path: Path, at: int, size: int) -> tuple[str, str]:
    """MD5 and SHA-256 of a part of a file; FileGone if it isn't there. Blocking."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    for data in _read(path, at, size):
        md5.update(data)
        sha256.update(data)
    return md5.hexdigest(), sha256.hexdigest()


async def read_slowly(path: Path, at: int, size: int, pace: Bandwidth) -> AsyncIterator[bytes]:
    """A part of a file, READ_BYTES at a time, or what may be sent within a second."""
    reading = _read(path, at, size, pace.at_most(READ_BYTES))
    while data := await asyncio.to_thread(next, reading, b""):
        await pace.take(len(data))
        yield data


def _read(path: Path, at: int, size: int, step: int = READ_BYTES) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            file.seek(at)
            while size and (data := file.read(min(step, size))):
                size -= len(data)
                yield data
    except OSError as error:
        raise unreadable(path, error) from error
    if size:
        raise FileGone(f"{path} is shorter than it was.", "It was changed; then retry the output.")


def is_md5(e_tag: str) -> bool:
    """Whether it is the MD5 of an object, as that of one without encryption by KMS is."""
    return len(e_tag) == 32 and all(digit in "0123456789abcdef" for digit in e_tag)


def _is_encrypted(headers: Mapping[str, str]) -> bool:
    return headers.get("x-amz-server-side-encryption", "AES256") != "AES256"
