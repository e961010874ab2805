"""SHA-256 of final files: computed just after a recording is final, so that /stop doesn't wait.

An hour's file takes seconds to read again. Until then the sum is null; whoever dies in between
leaves it to the next start of a server, which makes up for it.
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
"""Files that one start makes up for."""


async def add_sums(catalog: Catalog, recording_id: str) -> None:
    """Computes and writes down the sums of a recording that has just ended."""
    await _add_all(catalog, [f for f in await catalog.files(recording_id) if f.sha256 is None])


async def make_up(catalog: Catalog) -> None:
    """The same for whatever was left without; errors of the catalog are logged, not raised."""
    try:
        await _add_all(catalog, await catalog.files_without_sum(AT_ONCE))
    except HavenError as error:
        log.warning("sums of files are left for the next start", error=error.error)


async def _add_all(catalog: Catalog, files: list[File]) -> None:
    for file in files:
        try:
            found = await sha256_of(Path(file.path))
        except OSError as error:  # moved or deleted by somebody
            log.info("a file's sum can't be computed", path=file.path, error=str(error))
            continue
        if not await catalog.set_sum(file, found):
            log.info("a file was deleted while its sum was computed", path=file.path)


async def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits, read in a thread; OSError if it can't be read."""
    enough = threading.Event()
    try:
        return await asyncio.to_thread(_sum, path, enough)
    finally:
        enough.set()  # a thread can't be cancelled; without it the program's end would wait


def _sum(path: Path, enough: threading.Event) -> str:
    made = hashlib.sha256()
    with path.open("rb") as file:
        while not enough.is_set() and (chunk := file.read(CHUNK_BYTES)):
            made.update(chunk)
    return made.hexdigest()
