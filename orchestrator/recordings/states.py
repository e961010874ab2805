"""States of a recording. Depends on nothing.

::

    starting ──▶ recording ◀──▶ reconnecting
        │            │               │
        │            ▼               │
        ├───────▶ stopping ◀─────────┘
        │            │
        ▼            ▼
      failed ◀── stopping ──▶ completed

`completed` has a final, probed file; `failed` says why and keeps whatever was written.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RecordingState(StrEnum):
    """Where a recording stands. The desktop app reads `recording`."""

    STARTING = "starting"
    RECORDING = "recording"
    RECONNECTING = "reconnecting"
    STOPPING = "stopping"
    COMPLETED = "completed"
    FAILED = "failed"


_S = RecordingState

ACTIVE: Final = frozenset({_S.STARTING, _S.RECORDING, _S.RECONNECTING, _S.STOPPING})
CAPTURING: Final = frozenset({_S.RECORDING, _S.RECONNECTING})
FINAL: Final = frozenset({_S.COMPLETED, _S.FAILED})

TRANSITIONS: Final[dict[RecordingState, frozenset[RecordingState]]] = {
    _S.STARTING: frozenset({_S.RECORDING, _S.STOPPING, _S.FAILED}),
    _S.RECORDING: frozenset({_S.RECONNECTING, _S.STOPPING, _S.FAILED}),
    _S.RECONNECTING: frozenset({_S.RECORDING, _S.STOPPING, _S.FAILED}),
    _S.STOPPING: frozenset({_S.COMPLETED, _S.FAILED}),
    _S.COMPLETED: frozenset(),
    _S.FAILED: frozenset(),
}
"""A recording whose worker died is RECONNECTING until the next worker records again."""


def may_follow(now: RecordingState, new: RecordingState) -> bool:
    """Whether a recording in `now` may go to `new`."""
    return new in TRANSITIONS[now]
