"""Starts a program that works only while nothing else does, and that ends when its parent does.

Run as a script (`launcher`), it lowers its own priority and becomes the program: all threads of the
program have the priority from their first moment. It imports nothing of ours, as it runs without
our packages.

Lowest are: SCHED_IDLE and niceness 19 (sched(7)), the idle class of I/O (ioprio_set(2)), and the
niceness of the session, as Linux weighs processes only within one (sched(7), autogroup): it has to
be the program's own.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_IOPRIO_WHO_PROCESS = 1  # linux/ioprio.h
_IOPRIO_IDLE = 3 << 13
_SYS_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}


def launcher() -> tuple[str, ...]:
    """What comes before a program's own command line to start it in this way."""
    return (sys.executable, "-I", "-S", __file__, str(os.getpid()))


def main(arguments: list[str]) -> None:
    """Becomes the program: arguments are the parent's pid, the program, and its arguments."""
    parent, *argv = arguments
    if sys.platform.startswith("linux"):
        _end_with(int(parent))
        lower_priority()
    os.execv(argv[0], argv)


def _end_with(parent: int) -> None:
    """SIGKILL when the thread that started us ends (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        os.kill(os.getpid(), signal.SIGKILL)


def lower_priority() -> None:
    """As far as the system lets us: what it refuses stays as it is."""
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text("19", "ascii")
    with suppress(OSError):
        os.nice(19)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    number = _SYS_IOPRIO_SET.get(os.uname().machine)
    if number is not None:
        ctypes.CDLL(None).syscall(number, _IOPRIO_WHO_PROCESS, 0, _IOPRIO_IDLE)


if __name__ == "__main__":
    main(sys.argv[1:])
