"""Puts what is in memory to a target, in one request, and checks it there."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import obstore

from orchestrator.errors import UploadMismatch
from orchestrator.uploads.bandwidth import Bandwidth
from orchestrator.uploads.failures import failure_of_obstore
from orchestrator.uploads.folder import copy_into, sha256_there
from orchestrator.uploads.objects import Verified, sha256_at
from orchestrator.uploads.pieces.names import attributes_of
from orchestrator.uploads.s3.multipart import is_md5
from orchestrator.uploads.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemory:
    """What is to be put."""

    key: str
    data: bytes
    sha256: str
    content_type: str


async def put_in_memory(
    target: Target, pace: Bandwidth, one: InMemory, *, read_back: bool
) -> Verified:
    """Puts it and says how it was checked. UploadError.

    `read_back`: where nothing else tells that it is whole, read it again.
    """
    await pace.take(len(one.data))
    if target.folder is not None:
        await copy_into(target.folder, one.key, _once(one.data), lambda _bytes: None)
        size, digest = await asyncio.to_thread(sha256_there, target.folder, one.key)
        return _same(target, one, size, digest, "sha256")
    e_tag = await _put(target, one)
    if is_md5(e_tag) and e_tag == await asyncio.to_thread(_md5, one.data):
        return "etag"
    if read_back:
        return _same(target, one, len(one.data), await sha256_at(target, one.key), "sha256")
    return _same(target, one, await _size(target, one.key), one.sha256, "size")


async def _put(target: Target, one: InMemory) -> str:
    """Its ETag, without quotes."""
    try:
        result = await obstore.put_async(
            target.store,
            one.key,
            one.data,
            use_multipart=False,
            attributes=attributes_of(one.key, one.content_type),
        )
    except Exception as error:
        raise failure_of_obstore(target.shown, error) from error
    return (result["e_tag"] or "").strip('"')


async def _size(target: Target, key: str) -> int:
    try:
        return (await obstore.head_async(target.store, key))["size"]
    except Exception as error:
        raise failure_of_obstore(target.shown, error) from error


def _same(target: Target, one: InMemory, size: int, digest: str, verified: Verified) -> Verified:
    if (size, digest) != (len(one.data), one.sha256):
        raise UploadMismatch(
            f"{target.location(one.key)} isn't what was sent: it has {size} of"
            f" {len(one.data)} bytes, or another checksum.",
            "It is uploaded again; the recording is kept here.",
        )
    return verified


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
