"""SHA-256 of final files and sidecars: computed after a recording is final, as /stop doesn't wait.

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
from orchestrator.catalog.sidecars.model import SidecarFile
from orchestrator.catalog.sidecars.table import SidecarFiles
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError

log = structlog.get_logger(__name__)

CHUNK_BYTES: Final = 2**20
AT_ONCE: Final = 1000
"""Most files whose missing checksums one start of a server computes."""


async def add_checksums(catalog: Catalog, recording_id: str) -> None:
    """Computes the checksums of a recording that has just ended, and writes them to the catalog."""
    await _add_all(catalog, [f for f in await catalog.files(recording_id) if f.sha256 is None])
    sidecars = await SidecarFiles(catalog).of_recording(recording_id)
    await _add_to_sidecars(catalog, [row for row in sidecars if row.sha256 is None])


async def add_missing_checksums(catalog: Catalog) -> None:
    """Does the same for all files without a checksum; logs errors of the catalog."""
    try:
        await _add_all(catalog, await catalog.files_without_checksum(AT_ONCE))
        await _add_to_sidecars(catalog, await SidecarFiles(catalog).without_checksum(AT_ONCE))
    except HavenError as error:
        log.warning("missing checksums are left to the next start", error=error.error)


async def _add_all(catalog: Catalog, files: list[File]) -> None:
    for file in files:
        digest = await _digest_of(file.path)
        if digest is not None and not await catalog.set_checksum(file, digest):
            log.info("no checksum: the file was deleted meanwhile", path=file.path)


async def _add_to_sidecars(catalog: Catalog, rows: list[SidecarFile]) -> None:
    for row in rows:
        if (digest := await _digest_of(row.path)) is not None:
            await SidecarFiles(catalog).set_checksum(row, digest)


async def _digest_of(path: str) -> str | None:
    try:
        return await sha256_of(Path(path))
    except OSError as error:  # moved or deleted by somebody
        log.info("no checksum: the file can't be read", path=path, error=str(error))
        return None


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
