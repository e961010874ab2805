"""One server at a time on one catalog: a lock beside the catalog's file.

It is flock(2) on a small file that holds the server's pid: the kernel frees it when the process
ends, however it ends, and the workers don't inherit it (Python opens files close-on-exec). Linux
and macOS both have it. `orchestrator record` takes no lock, so it works beside a server: which
of them starts a worker is settled by `Catalog.claim`.

Not filelock: its lock (4.3) leaves the file behind and names no holder, both of which the tests ask
for, and without flock(2) it falls back to a marker that outlives a crash.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from orchestrator.errors import SettingsError
from orchestrator.file_access import FileAccess, make_folder
from orchestrator.stop_policy import STOP

WAIT_S: Final = STOP.lock_s
"""A server that is stopping frees its port at once, and the lock a moment later."""

_LOOK_S: Final = 0.05


class ServerLock:
    """The right to be the server of a catalog, from `acquire` until `release` or a crash."""

    def __init__(self, catalog: Path, access: FileAccess = "private") -> None:
        self._catalog, self._access = catalog, access
        self.path = _beside(catalog)
        self._descriptor: int | None = None

    def acquire(self, wait_s: float = WAIT_S) -> None:
        """Takes the lock. Raises SettingsError with the pid of the server that holds it. Blocking.

        `wait_s`: seconds to wait for a server that is just stopping.
        """
        deadline = time.monotonic() + wait_s
        try:
            make_folder(self.path.parent, self._access)
            while not self._take():
                if time.monotonic() > deadline:
                    raise self._refusal()
                time.sleep(_LOOK_S)
        except OSError as error:
            raise SettingsError(
                f"The catalog's lock {self.path} can't be taken: {error.strerror or error}.",
                "Set ORCHESTRATOR_DATABASE_URL to a file in a folder that can be written to.",
            ) from error

    def release(self) -> None:
        """Gives it up and removes the file; may be called again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        # While it is held nobody else's file can stand there (see `_take`).
        self.path.unlink(missing_ok=True)
        os.close(descriptor)

    def _take(self) -> bool:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _lock(descriptor) or not self._is_there(descriptor):
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return True

    def _is_there(self, descriptor: int) -> bool:
        """Whether the file is still the one with the name: who had the lock may have removed it."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except FileNotFoundError:
            return False

    def _refusal(self) -> SettingsError:
        pid = self._holder()
        return SettingsError(
            f"Another server (pid {pid or 'unknown'}) uses the catalog {self._catalog}.",
            f"Stop it{f' (kill {pid})' if pid else ''}, or give this one a catalog of its own: set "
            "ORCHESTRATOR_DATABASE_URL.",
        )

    def _holder(self) -> int | None:
        try:
            return int(self.path.read_text("ascii"))
        except (OSError, ValueError):
            return None


def is_served(catalog: Path) -> bool:
    """Whether a server has the catalog now. Blocking, for a moment only."""
    try:
        descriptor = os.open(_beside(catalog), os.O_RDWR)
    except OSError:
        return False
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def _beside(catalog: Path) -> Path:
    real = catalog.resolve()  # by whatever name it is called
    return real.with_name(f"{real.name}.server")


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
