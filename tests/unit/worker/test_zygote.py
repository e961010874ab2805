"""The zygote's answer when the system lets it fork no more."""

from __future__ import annotations

import errno
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.recordings.forking import request_worker
from orchestrator.worker.zygote import become_worker


def test_one_that_cannot_fork_says_why_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", fork)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # pytest's own children are waited for
    server, zygote = socket.socketpair()
    with server, zygote, ThreadPoolExecutor(1) as executor:
        answering = executor.submit(become_worker, zygote)
        for _ in range(2):
            with pytest.raises(BlockingIOError):
                request_worker(server, 0, 2)
        server.close()
        assert not answering.result(10)
