"""Becomes a program that ends when its parent does (prctl(2), PR_SET_PDEATHSIG; Linux).

An ffmpeg that waits for a publisher writes nothing, so it wouldn't notice that nobody reads.
Run as a script; it imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def launcher() -> tuple[str, ...]:
    """What comes before a program's own command line to start it in this way."""
    if not sys.platform.startswith("linux"):
        return ()
    return (sys.executable, "-I", "-S", __file__, str(os.getpid()))


def main(arguments: list[str]) -> None:
    """Becomes the program: arguments are the parent's pid, the program, and its arguments."""
    parent, *argv = arguments
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it has ended already
        os.kill(os.getpid(), signal.SIGKILL)
    os.execv(argv[0], argv)


if __name__ == "__main__":
    main(sys.argv[1:])
