"""One uploader at a time on one catalog: flock(2) on a file beside it, which stays there.

The kernel frees it when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class UploaderLock:
    """The right to upload for a catalog, from `take` until `release` or the end of the process."""

    def __init__(self, catalog: Path) -> None:
        self._path = _beside(catalog)
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Whether no other process has it. Blocking; OSError if the file can't be made."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Gives it up."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def uploader_of(catalog: Path) -> int | None:
    """The pid of the uploader that runs; None if there is none. Blocking."""
    with suppress(OSError, ValueError):
        descriptor = os.open(_beside(catalog), os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.read(descriptor, 32) or b"0") or None
        finally:
            os.close(descriptor)
    return None


def _beside(catalog: Path) -> Path:
    real = catalog.resolve()  # by whatever name it is called
    return real.with_name(f"{real.name}.uploader")
