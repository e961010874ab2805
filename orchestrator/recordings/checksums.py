"""SHA-256 of final files: computed after a recording is final, so that /stop doesn't wait for it.

An hour's file takes seconds to read again. Until then the checksum is null; if the worker dies in
between, the next start of a server computes it.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from pathlib import Path
from typing import Final

import structlog

from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError

log = structlog.get_logger(__name__)

CHUNK_BYTES: Final = 2**20
AT_ONCE: Final = 1000
"""Most files whose missing checksums one start of a server computes."""


async def add_checksums(catalog: Catalog, recording_id: str) -> None:
    """Computes the checksums of a recording that has just ended, and writes them to the catalog."""
    await _add_all(catalog, [f for f in await catalog.files(recording_id) if f.sha256 is None])


async def add_missing_checksums(catalog: Catalog) -> None:
    """Does the same for all files without a checksum; logs errors of the catalog."""
    try:
        await _add_all(catalog, await catalog.files_without_checksum(AT_ONCE))
    except HavenError as error:
        log.warning("missing checksums are left to the next start", error=error.error)


async def _add_all(catalog: Catalog, files: list[File]) -> None:
    for file in files:
        try:
            digest = await sha256_of(Path(file.path))
        except OSError as error:  # moved or deleted by somebody
            log.info("no checksum: the file can't be read", path=file.path, error=str(error))
            continue
        if not await catalog.set_checksum(file, digest):
            log.info("no checksum: the file was deleted meanwhile", path=file.path)


async def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits, read in a thread; OSError if it can't be read."""
    cancelled = threading.Event()
    try:
        return await asyncio.to_thread(_digest, path, cancelled)
    finally:
        cancelled.set()  # a thread can't be cancelled; without it the program's end would wait


def _digest(path: Path, cancelled: threading.Event) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while not cancelled.is_set() and (chunk := file.read(CHUNK_BYTES)):
            digest.update(chunk)
    return digest.hexdigest()
