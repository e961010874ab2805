"""What a server and its zygote say to each other: a request for a worker, and the worker's pid.

A request carries the descriptors of the new worker's stdin and stderr (unix(7), SCM_RIGHTS): so the
zygote never sees a job, and its workers inherit nothing else of the server.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Final

_REQUEST: Final = b"\0"
_ANSWER: Final = struct.Struct("=q")  # a pid, or an errno less than 0

Descriptors = tuple[int, int]
"""stdin and stderr of a worker."""


def request_worker(control: socket.socket, stdin: int, stderr: int) -> int:
    """The pid of a new worker; blocking.

    ConnectionError: the zygote has ended. TimeoutError: it doesn't answer. Any other OSError: it
    can't fork.
    """
    socket.send_fds(control, [_REQUEST], [stdin, stderr])
    answer = control.recv(_ANSWER.size)
    if len(answer) < _ANSWER.size:
        raise ConnectionResetError("it has ended")
    (pid,) = _ANSWER.unpack(answer)
    if pid < 0:
        raise OSError(-pid, os.strerror(-pid))
    return int(pid)


def next_request(control: socket.socket) -> Descriptors | None:
    """The next worker's descriptors, which are the caller's to close; None: the server is gone."""
    try:
        request, descriptors, *_ = socket.recv_fds(control, len(_REQUEST), 2)
    except ConnectionError:
        return None
    if not request:
        return None
    stdin, stderr = descriptors
    return stdin, stderr


def answer(control: socket.socket, pid: int) -> None:
    """The worker's pid, or an errno as a negative number; a server that is gone needs none."""
    try:
        control.send(_ANSWER.pack(pid))
    except ConnectionError:
        return
