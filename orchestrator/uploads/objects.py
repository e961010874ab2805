"""Puts one file to a target and checks what is there then. Memory: 8 MiB, or 24 where obstore
sends parts.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import httpx
import obstore
import structlog

from orchestrator.errors import UploadError, UploadMismatch
from orchestrator.uploads.bandwidth import Bandwidth
from orchestrator.uploads.failures import failure_of_obstore, garbled, unreadable
from orchestrator.uploads.folder import copy_into, remove_unfinished, sha256_there
from orchestrator.uploads.pieces.names import attributes_of
from orchestrator.uploads.s3.bucket import S3Bucket
from orchestrator.uploads.s3.multipart import (
    PART_BYTES,
    MultipartUpload,
    PartedFile,
    is_md5,
    part_size,
    read_slowly,
)
from orchestrator.uploads.signed_put import VALID, can_be_signed, put_signed
from orchestrator.uploads.targets import Target

log = structlog.get_logger(__name__)

ONE_REQUEST: Final = PART_BYTES
"""Files up to this size are sent in one request."""

Verified = Literal["size", "etag", "sha256"]
"""How it was checked: `size` there; `etag`: MD5 of the object or of its parts, as the target
computed it, besides each part's SHA-256 on receipt (S3); `sha256`: read back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """What is to be put."""

    path: Path
    size: int
    sha256: str
    key: str
    content_type: str
    mtime_ns: int | None = None
    """When it was changed last, as it was when its SHA-256 was computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """What is called while it is sent."""

    opened: Callable[[str], Awaitable[None]]
    """With the id of an upload that has begun, and has to be ended whatever comes."""
    sent: Callable[[int], None]
    """With the bytes that are there now."""


class Objects:
    """Puts files to one target."""

    def __init__(self, target: Target, client: httpx.AsyncClient, pace: Bandwidth) -> None:
        self.target, self._client, self._pace = target, client, pace

    async def put(
        self, file: LocalFile, watcher: Watcher, *, open_id: str | None, read_back: bool
    ) -> Verified:
        """Puts it and says how it was checked. UploadError.

        `open_id`: of an upload of the same file that an earlier process began; `read_back`: where
        nothing else tells that it is whole, read it again.
        """
        e_tag = await self._put(file, watcher, open_id)
        verified = await self._verify(file, e_tag, read_back=read_back)
        if await asyncio.to_thread(_is_changed, file):
            raise UploadError(f"{file.path} was changed meanwhile.", "It is uploaded again.")
        return verified

    async def abort(self, file: LocalFile, open_id: str | None) -> None:
        """Ends what an unfinished upload of the file left at the target; UploadError."""
        if self.target.folder is not None:
            await asyncio.to_thread(remove_unfinished, self.target.folder, file.key)
        elif self._in_parts(file):
            await self._multipart(file, _SILENT).abort(open_id)

    def _in_parts(self, file: LocalFile) -> bool:
        return bool(self.target.aws_secret) and file.size > ONE_REQUEST

    async def _put(self, file: LocalFile, watcher: Watcher, open_id: str | None) -> str | None:
        if self.target.folder is not None:
            data = read_slowly(file.path, 0, file.size, self._pace)
            await copy_into(self.target.folder, file.key, data, watcher.sent)
            return None
        if self._in_parts(file):
            return await self._multipart(file, watcher).run(open_id)
        if (address := await self._signed(file)) is not None:
            data = read_slowly(file.path, 0, file.size, self._pace)
            shown = self.target.shown
            return await put_signed(
                address, shown, self._client, file, data=data, sent=watcher.sent
            )
        if file.size <= ONE_REQUEST:
            return await self._put_at_once(file, watcher)
        return await self._write(file, watcher)

    async def _signed(self, file: LocalFile) -> str | None:
        """An address to put it at in one request; None if there can be none, or none is needed."""
        is_needed = file.size > ONE_REQUEST or self.target.scheme == "gs"  # one way for all sizes
        if not is_needed or not can_be_signed(self.target, file.size):
            return None
        try:
            return await self.target.signed("PUT", file.key, VALID)
        except UploadError as error:  # keys that can't sign
            log.info("no signed address, so it is sent in parts", error=error.error)
            return None

    def _multipart(self, file: LocalFile, watcher: Watcher) -> MultipartUpload:
        return MultipartUpload(
            S3Bucket(self.target, self._client),
            self.target.shown,
            PartedFile(
                path=file.path,
                size=file.size,
                key=file.key,
                content_type=file.content_type,
                headers=self.target.aws_headers,
                pace=self._pace,
                opened=watcher.opened,
                sent=watcher.sent,
            ),
        )

    async def _put_at_once(self, file: LocalFile, watcher: Watcher) -> str | None:
        data = b"".join([part async for part in read_slowly(file.path, 0, file.size, self._pace)])
        try:
            result = await obstore.put_async(
                self.target.store,
                file.key,
                data,
                use_multipart=False,
                attributes=attributes_of(file.key, file.content_type),
            )
        except Exception as error:
            raise failure_of_obstore(self.target.shown, error) from error
        watcher.sent(file.size)
        return result["e_tag"]

    async def _write(self, file: LocalFile, watcher: Watcher) -> str | None:
        """By obstore, in parts: to Azure, whose unfinished blocks end with the next upload."""
        done = 0
        try:
            async with obstore.open_writer_async(
                self.target.store,
                file.key,
                attributes={"Content-Type": file.content_type},
                buffer_size=part_size(file.size),
                max_concurrency=2,
            ) as writer:
                async for data in read_slowly(file.path, 0, file.size, self._pace):
                    await writer.write(data)
                    watcher.sent(done := done + len(data))
        except UploadError:
            raise
        except Exception as error:
            raise failure_of_obstore(self.target.shown, error) from error
        return None

    async def _verify(self, file: LocalFile, e_tag: str | None, *, read_back: bool) -> Verified:
        if self.target.folder is not None:
            size, digest = await asyncio.to_thread(sha256_there, self.target.folder, file.key)
            self._compare(file, size, digest == file.sha256)
            return "sha256"
        try:
            there = await obstore.head_async(self.target.store, file.key)
        except Exception as error:
            raise failure_of_obstore(self.target.shown, error) from error
        self._compare(file, there["size"], True)
        found = (there["e_tag"] or e_tag or "").strip('"')
        if is_md5(found.partition("-")[0]) and found == await asyncio.to_thread(
            expected, file, found
        ):
            return "etag"
        if not read_back:
            return "size"
        digest = await sha256_at(self.target, file.key)
        self._compare(file, there["size"], digest == file.sha256)
        return "sha256"

    def _compare(self, file: LocalFile, size: int, same: bool) -> None:
        if size != file.size or not same:
            raise UploadMismatch(
                f"{self.target.location(file.key)} isn't {file.path.name}: it has {size} of"
                f" {file.size} bytes{'' if same else ', and another checksum'}.",
                "It is uploaded again; the recording is kept here.",
            )


async def read_object(target: Target, key: str, most_bytes: int) -> bytes:
    """All of an object; UploadError, also for one that is longer."""
    try:
        result = await obstore.get_async(target.store, key)
        if result.meta["size"] > most_bytes:
            raise garbled(target.shown, f"{key} has {result.meta['size']} bytes")
        return bytes(await result.bytes_async())
    except UploadError:
        raise
    except Exception as error:
        raise failure_of_obstore(target.shown, error) from error


async def sha256_at(target: Target, key: str) -> str:
    """Of an object, read back; UploadError."""
    digest = hashlib.sha256()
    try:
        result = await obstore.get_async(target.store, key)
        async for data in result.stream(min_chunk_size=2**20):
            await asyncio.to_thread(digest.update, data)
    except Exception as error:
        raise failure_of_obstore(target.shown, error) from error
    return digest.hexdigest()


def _is_changed(file: LocalFile) -> bool:
    """Whether another one has its name now; one that is gone isn't changed."""
    try:
        status = file.path.stat()
    except OSError:
        return False
    return file.mtime_ns not in (None, status.st_mtime_ns)


def expected(file: LocalFile, e_tag: str) -> str:
    """The ETag that S3 has of the file: its MD5, or that of its parts' MD5s with their number.

    FileGone if it isn't here any more. Blocking.
    """
    try:
        return _expected(file, e_tag)
    except OSError as error:
        raise unreadable(file.path, error) from error


def _expected(file: LocalFile, e_tag: str) -> str:
    parts = e_tag.partition("-")[2]
    whole, of_parts = hashlib.md5(usedforsecurity=False), hashlib.md5(usedforsecurity=False)
    step = part_size(file.size) if parts else max(file.size, 1)
    with file.path.open("rb") as source:
        for at in range(0, file.size, step):
            part = hashlib.md5(usedforsecurity=False)
            rest = min(step, file.size - at)
            while rest and (data := source.read(min(2**18, rest))):
                part.update(data)
                rest -= len(data)
            of_parts.update(part.digest())
            whole = part
    number = -(-file.size // step)
    return f"{of_parts.hexdigest()}-{number}" if parts else whole.hexdigest()


async def _nothing(_id: str) -> None:
    return


_SILENT: Final = Watcher(opened=_nothing, sent=lambda _bytes: None)
