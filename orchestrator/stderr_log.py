"""The stderr of a worker or the uploader in a file of bounded size, whoever in it writes to it.

Libraries write to the file descriptor itself, so the file's size is watched, not what is logged.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Final

LOG_BYTES: Final = 2**20
LOOK_S: Final = 1.0
"""Seconds between two looks; what is written meanwhile may exceed the limit."""


class StderrLog:
    """A full log becomes ``NAME.1`` and a new one begins: the newest lines are always kept."""

    def __init__(self, path: Path, limit_bytes: int = LOG_BYTES) -> None:
        self._path, self._limit_bytes = path, limit_bytes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_bounded, name="log", daemon=True)

    def start(self) -> None:
        """Redirects stderr into the file, and keeps its size within the limit."""
        self._open()
        self._thread.start()

    def close(self) -> None:
        """Stops watching the size."""
        self._ended.set()
        self._thread.join()

    def look(self) -> None:
        """Begins a new file if it is full."""
        if os.fstat(sys.stderr.fileno()).st_size >= self._limit_bytes:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._open()

    def _open(self) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.dup2(file, sys.stderr.fileno())
        finally:
            os.close(file)

    def _keep_bounded(self) -> None:
        while not self._ended.wait(LOOK_S):
            try:
                self.look()
            except OSError as error:  # the folder is gone, the disk is full: try again
                sys.stderr.write(f"the log's size can't be limited: {error}\n")
