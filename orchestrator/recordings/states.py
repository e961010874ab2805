"""States of a recording. Depends on nothing.

::

                 ┌───────▶ paused ◀──────┐
                 ▼                       ▼
    starting ──▶ recording ◀──▶ reconnecting
        │            │               │
        │            ▼               │
        ├───────▶ stopping ◀─────────┘
        │            │
        ▼            ▼
      failed ◀── stopping ──▶ completed
                     │
                     ▼
                  aborted

`paused` may stop and fail as `recording` may. `completed` has a final, probed file; `failed` says
why and keeps whatever was written; `aborted` was
stopped before its first frame, which is no failure: there is no file.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RecordingState(StrEnum):
    """The state of a recording. The desktop app reads `recording`."""

    STARTING = "starting"
    RECORDING = "recording"
    RECONNECTING = "reconnecting"
    PAUSED = "paused"
    STOPPING = "stopping"
    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"


_S = RecordingState

CAPTURING: Final = frozenset({_S.RECORDING, _S.RECONNECTING, _S.PAUSED})
ACTIVE: Final = CAPTURING | {_S.STARTING, _S.STOPPING}
FINAL: Final = frozenset({_S.COMPLETED, _S.FAILED, _S.ABORTED})

TRANSITIONS: Final[dict[RecordingState, frozenset[RecordingState]]] = {
    _S.STARTING: frozenset({_S.RECORDING, _S.STOPPING, _S.FAILED}),
    _S.RECORDING: frozenset({_S.RECONNECTING, _S.PAUSED, _S.STOPPING, _S.FAILED}),
    _S.RECONNECTING: frozenset({_S.RECORDING, _S.PAUSED, _S.STOPPING, _S.FAILED}),
    _S.PAUSED: frozenset({_S.RECORDING, _S.RECONNECTING, _S.STOPPING, _S.FAILED}),
    _S.STOPPING: frozenset({_S.COMPLETED, _S.FAILED, _S.ABORTED}),
    _S.COMPLETED: frozenset(),
    _S.FAILED: frozenset(),
    _S.ABORTED: frozenset(),
}
"""A recording whose worker died is RECONNECTING until the next worker records again; a paused one
stays PAUSED, whatever happens to its worker or its connection."""

STOPPED: Final = "stopped"
STOPPED_BY_SIGNAL: Final = "stopped by a signal"
STOP_REQUESTED: Final = frozenset({STOPPED, STOPPED_BY_SIGNAL})
"""Reasons of a recording that was stopped."""


def may_follow(now: RecordingState, new: RecordingState) -> bool:
    """Whether a recording in `now` may go to `new`."""
    return new in TRANSITIONS[now]
