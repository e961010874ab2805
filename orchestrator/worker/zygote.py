"""The zygote: a process that has imported all that a recording needs, and forks workers.

``python -m orchestrator.worker.zygote``, with a socket of the server as its stdin
(`recordings.forking`). A forked worker begins within milliseconds, and shares with the others all
memory that none of them writes to. When the server ends, however that happens, the zygote ends,
too; its workers go on.

It has one thread and runs no event loop: what a fork copies is never in the middle of something.
On macOS a fork without exec isn't safe, as system libraries have threads: there the zygote becomes
the worker itself, and the server starts another one.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import traceback
from typing import Final, NoReturn

from orchestrator.recordings.forking import Descriptors, answer, next_request
from orchestrator.worker import main as worker

FORKS: Final = sys.platform.startswith("linux")


def become_worker(control: socket.socket, *, forks: bool = FORKS) -> bool:
    """Answers requests until the server closes its end, then returns False.

    Returns True in each new worker, whose stdin and stderr are those of its request.
    """
    # A collection writes to all objects that it looks after, and they would be shared no more.
    gc.freeze()
    if forks:  # children that end are gone at once (wait(2)): the catalog says how they ended
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while (descriptors := next_request(control)) is not None:
        pid = _fork() if forks else 0
        if pid == 0:
            if not forks:
                answer(control, os.getpid())
            _take(control, descriptors)
            return True
        for descriptor in descriptors:
            os.close(descriptor)
        answer(control, pid)
    return False


def _fork() -> int:
    """The child's pid, 0 in the child, or an errno less than 0."""
    try:
        pid = os.fork()
    except OSError as error:
        return -(error.errno or 0)
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
    return pid


def _take(control: socket.socket, descriptors: Descriptors) -> None:
    # The zygote's end of the socket is its stdin, which is replaced.
    control.detach()
    for descriptor, mine in zip(descriptors, (sys.stdin, sys.stderr), strict=True):
        os.dup2(descriptor, mine.fileno())
        os.close(descriptor)


def _work() -> NoReturn:
    """Ends without finalizing the interpreter, which would write to all memory that is shared."""
    status = 1
    try:
        status = worker.main()
    except Exception:  # noqa: BLE001 - the interpreter would print it, too
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def main() -> int:
    """Exit status 0 when no more workers are asked for."""
    if become_worker(socket.socket(fileno=sys.stdin.fileno())):
        _work()
    return 0


if __name__ == "__main__":
    sys.exit(main())
