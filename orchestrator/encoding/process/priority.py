"""Keeps encoders behind the process that receives: no real-time priority, and niceness."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

import structlog

log = structlog.get_logger(__name__)

NICENESS: Final = 5
"""How much lower the priority of encoders is than that of the receiving process."""

_PR_CAPBSET_DROP: Final = 24  # linux/prctl.h
_CAP_SYS_NICE: Final = 23  # linux/capability.h


def forbid_realtime() -> None:
    """Forbids real-time priority to whatever this thread starts from now on, even as root.

    Run by root, SVT-AV1 gives the threads that call it SCHED_FIFO 99 (EbThreads.c), before which
    nothing else of the machine runs, the receiver least of all. It has no option against it, and
    limits (RLIMIT_RTPRIO) don't hold root, who has CAP_SYS_NICE. What is not in the bounding set
    isn't gained by exec, though (capabilities(7)); this process keeps what it has.
    """
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_CAPBSET_DROP, _CAP_SYS_NICE, 0, 0, 0) != 0:
        # Without CAP_SETPCAP, as in some containers, which then rarely have CAP_SYS_NICE.
        log.warning(
            "could not forbid real-time priority to encoders", error=os.strerror(ctypes.get_errno())
        )
