"""Copies a file into a folder: whole under its name or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from orchestrator.errors import BucketMissing, UploadBusy, UploadDenied, UploadError


def unfinished(path: Path) -> Path:
    """Where it is until it is whole; the same for every attempt, so that none is left behind."""
    return path.with_name(f".{path.name}.uploading")


async def copy_into(
    folder: Path, key: str, data: AsyncIterator[bytes], sent: Callable[[int], None]
) -> None:
    """Writes what `data` yields to the file `key` below the folder, on the disk; UploadError."""
    path = folder / key
    draft, done = unfinished(path), 0
    try:
        await asyncio.to_thread(_make_parent, folder, path)
        descriptor = await asyncio.to_thread(
            os.open, draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600
        )
        try:
            async for part in data:
                await asyncio.to_thread(_write, descriptor, part)
                sent(done := done + len(part))
            await asyncio.to_thread(os.fsync, descriptor)
        finally:
            await asyncio.to_thread(os.close, descriptor)
        await asyncio.to_thread(_publish, draft, path)
    except OSError as error:
        raise _failure(folder, error) from error


def remove_unfinished(folder: Path, key: str) -> None:
    """What a copy left that is given up. Blocking."""
    unfinished(folder / key).unlink(missing_ok=True)


def sha256_there(folder: Path, key: str) -> tuple[int, str]:
    """Size and SHA-256 of a file below the folder; UploadError if it can't be read. Blocking."""
    digest, size = hashlib.sha256(), 0
    try:
        with (folder / key).open("rb") as file:
            while data := file.read(2**20):
                digest.update(data)
                size += len(data)
    except OSError as error:
        raise _failure(folder, error) from error
    return size, digest.hexdigest()


def _make_parent(folder: Path, path: Path) -> None:
    if not folder.is_dir():  # not made here: what it is on may not be mounted
        raise FileNotFoundError(folder)
    path.parent.mkdir(parents=True, exist_ok=True)


def _publish(draft: Path, path: Path) -> None:
    """Gives it its name, and both to the disk."""
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _failure(folder: Path, error: OSError) -> UploadError:
    why = error.strerror or type(error).__name__
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return BucketMissing(
            f"The folder {folder} doesn't exist.",
            "Make it, or mount what it is on; then retry the output.",
        )
    if isinstance(error, PermissionError):
        return UploadDenied(
            f"The folder {folder} can't be written to: {why}.",
            "Allow the recorder's user to write there; then retry the output.",
        )
    return UploadBusy(f"The folder {folder} can't be written to: {why}.", "It is tried again.")
