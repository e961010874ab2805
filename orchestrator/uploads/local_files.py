"""Files here that are to be uploaded: read, compared with the catalog, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.errors import FileGone, UploadError
from orchestrator.mediafiles.media_types import media_type
from orchestrator.recordings.checksums import sha256_of
from orchestrator.uploads.contents import Content
from orchestrator.uploads.failures import unreadable
from orchestrator.uploads.objects import LocalFile


async def read_local(content: Content, key: str, known: UploadedFile | None) -> LocalFile:
    """The file as it is now; FileGone if it isn't there, or isn't the one that was recorded.

    `known`: the row of an earlier try, whose SHA-256 holds while size and time are the same.
    """
    path = content.path
    try:
        before = await asyncio.to_thread(path.stat)
        stamp = (before.st_size, before.st_mtime_ns)
        if known is not None and (known.path, known.size_bytes, known.mtime_ns) == (
            str(path),
            *stamp,
        ):
            digest = known.sha256
        else:
            digest = await sha256_of(path)
        after = await asyncio.to_thread(path.stat)
    except OSError as error:
        raise unreadable(path, error) from error
    if stamp != (after.st_size, after.st_mtime_ns):
        raise UploadError(f"{path} is being changed.", "It is tried again.")
    if not content.is_of(after.st_size, digest):
        raise FileGone(
            f"{path} isn't the file that was recorded: its size or its SHA-256 is another one.",
            "Put the recorded one back; then retry the output.",
        )
    return LocalFile(
        path=path,
        size=after.st_size,
        mtime_ns=after.st_mtime_ns,
        sha256=digest,
        key=key,
        content_type=media_type(content.name),
    )


def sizes_of(paths: Sequence[Path]) -> list[int | None]:
    """In bytes; None of a file that isn't there. Blocking."""
    sizes: list[int | None] = []
    for path in paths:
        try:
            sizes.append(path.stat().st_size)
        except OSError:
            sizes.append(None)
    return sizes


def unlink_if_same(file: UploadedFile) -> bool:
    """Deletes the file here and says whether it did; another one of its name that came meanwhile
    stays. Blocking; OSError if it can't be deleted.
    """
    path = Path(file.path)
    with suppress(FileNotFoundError):
        status = path.stat()
        if status.st_size == file.size_bytes and file.mtime_ns in (None, status.st_mtime_ns):
            path.unlink()
            return True
    return False
