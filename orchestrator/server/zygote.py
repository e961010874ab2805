"""The server's end of its zygote, the process that workers are forked from (`worker.zygote`)."""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import suppress
from typing import Final

import structlog

from orchestrator.recordings.forking import request_worker
from orchestrator.server.spawning import STDERR, spawn

log = structlog.get_logger(__name__)

MODULE: Final = "orchestrator.worker.zygote"

ANSWER_S: Final = 10.0
"""Longest wait for a worker, the zygote's imports included: without one it is started anew."""


class Zygote:
    """One zygote process, from its start until it ends or is closed; its stderr is ours."""

    def __init__(self, held: signal.Signals) -> None:
        """Starts it; it imports for a second before it answers."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self.pid = spawn(MODULE, held, theirs.fileno(), STDERR)
        except BaseException:
            ours.close()
            raise
        self._control, self._lock, self._closed = ours, threading.RLock(), False

    @property
    def closed(self) -> bool:
        """It answers no more, and ends if it hasn't."""
        return self._closed

    def worker(self, stdin: int, stderr: int) -> int | None:
        """The pid of a new worker; None if it doesn't answer, and then it is closed. Blocking.

        OSError: it can't fork.
        """
        with self._lock:
            if self._closed:
                return None
            self._control.settimeout(ANSWER_S)
            try:
                return request_worker(self._control, stdin, stderr)
            except (ConnectionError, TimeoutError) as error:
                log.warning("the zygote gives no worker", pid=self.pid, error=str(error))
                self.close()
                return None

    def close(self) -> None:
        """It ends, and a request that waits for it is given up; may be called again."""
        self._closed = True
        with suppress(OSError):  # it has ended, or was closed
            self._control.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._control.close()
