"""States of the process that encodes a recording. Depends on nothing.

::

    stopped ──▶ starting ──▶ running ──▶ stopping ──▶ stopped
                 ▲  │ │       │  │          ▲
                 │  │ └───────┼──┼──────────┘
                 │  ▼         │  ▼
                 ├─ backoff ◀─┘ exited ──▶ starting, stopped, fatal
                 │  │  └──▶ stopped
                 └─ fatal ◀── starting, backoff, exited

The words are those of Supervisor (supervisord.org). `running` begins with the first progress report
that has a frame, not with the process. `exited` is a run that ended by itself after it had been
running: the next one starts at once; `backoff` waits first. After `fatal` no run follows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ProcessState(StrEnum):
    """The state of a recording's encoding."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    EXITED = "exited"
    BACKOFF = "backoff"
    FATAL = "fatal"


_S = ProcessState

ENDED: Final = frozenset({_S.STOPPED, _S.FATAL})
"""No ffmpeg runs, and none will start by itself."""

TRANSITIONS: Final[dict[ProcessState, frozenset[ProcessState]]] = {
    _S.STOPPED: frozenset({_S.STARTING}),
    _S.STARTING: frozenset({_S.RUNNING, _S.BACKOFF, _S.STOPPING, _S.FATAL}),
    _S.RUNNING: frozenset({_S.STOPPING, _S.EXITED, _S.BACKOFF}),
    _S.STOPPING: frozenset({_S.STOPPED}),
    _S.EXITED: frozenset({_S.STARTING, _S.STOPPED, _S.FATAL}),
    _S.BACKOFF: frozenset({_S.STARTING, _S.STOPPED, _S.FATAL}),
    _S.FATAL: frozenset({_S.STARTING}),
}


def may_follow(now: ProcessState, new: ProcessState) -> bool:
    """Whether encoding in state `now` may go to `new`."""
    return new in TRANSITIONS[now]
