"""A named pipe to one ffmpeg: private, opened without blocking, and given up on `abort`."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import threading
import time
from pathlib import Path
from typing import Final

PIPE_BYTES: Final = 2**20
"""Linux's default bound for unprivileged users (fs.pipe-max-size); fewer wake-ups than 64 KiB."""

_F_SETPIPE_SZ: Final = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux only
_OPEN_RETRY_S: Final = 0.005
_POLL_MS: Final = 100


class Aborted(Exception):
    """`abort` was called: nothing more is written."""


class ReaderGone(Exception):
    """ffmpeg closed its end, or never opened it: its exit says why."""


class Fifo:
    """The writing end. Not thread-safe, except for `abort`."""

    def __init__(self, path: Path, *, large: bool = True) -> None:
        """`large`: with room for 1 MiB; else for the system's default, mostly 64 KiB."""
        self.path = path
        self._large = large
        self.written_bytes = 0
        self._fd: int | None = None
        self._abort = threading.Event()
        os.mkfifo(path, 0o600)

    def open(self, timeout_s: float) -> None:
        """Wait until ffmpeg has opened its end.

        O_NONBLOCK gives ENXIO until a reader is there (fifo(7)); a blocking open could not be
        given up.
        """
        deadline = time.monotonic() + timeout_s
        while self._fd is None:
            try:
                self._fd = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                self._retry(deadline, timeout_s)
        if self._large:
            self._enlarge()

    def write(self, *parts: bytes | memoryview) -> None:
        """Writes all parts in order; waits while the pipe is full."""
        assert self._fd is not None
        left = [memoryview(part).cast("B") for part in parts]
        while left:
            try:
                count = os.writev(self._fd, left)
            except BlockingIOError:
                self._wait_writable(self._fd)
            except BrokenPipeError as error:
                raise ReaderGone("ffmpeg closed the pipe") from error
            else:
                self.written_bytes += count
                left = _after(left, count)

    def abort(self) -> None:
        """Makes `open` and `write` raise Aborted soon; from any thread."""
        self._abort.set()

    def close(self) -> None:
        """Close the writing end (ffmpeg sees end of file) and remove the name."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self.path.unlink(missing_ok=True)

    def _retry(self, deadline: float, timeout_s: float) -> None:
        if self._abort.wait(_OPEN_RETRY_S):
            raise Aborted
        if time.monotonic() > deadline:
            raise ReaderGone(f"ffmpeg did not open its input within {timeout_s:g} s")

    def _enlarge(self) -> None:
        if _F_SETPIPE_SZ is None or self._fd is None:
            return
        try:
            fcntl.fcntl(self._fd, _F_SETPIPE_SZ, PIPE_BYTES)
        except PermissionError:  # the user's pipes together are over their limit: 64 KiB will do
            return

    def _wait_writable(self, fd: int) -> None:
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        while not poll.poll(_POLL_MS):
            if self._abort.is_set():
                raise Aborted
        if self._abort.is_set():
            raise Aborted


def _after(views: list[memoryview], count: int) -> list[memoryview]:
    """What is left of them after the first `count` bytes."""
    left = []
    for view in views:
        if count < len(view):
            left.append(view[count:])
        count = max(count - len(view), 0)
    return left
