"""States of an output. Depends on nothing.

::

    waiting ──▶ active ◀──▶ retrying
       │          │             │
       └──────────┼─────────────┘
                  ▼
     complete | failed | removed
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class OutputState(StrEnum):
    """The state of one output of a recording."""

    WAITING = "waiting"
    """Nothing of it is made yet."""
    ACTIVE = "active"
    RETRYING = "retrying"
    """It failed and is tried again; `error` says why."""
    COMPLETE = "complete"
    """All of the recording is in it."""
    FAILED = "failed"
    """It is given up; `error` says why."""
    REMOVED = "removed"
    """By request."""


ENDED: Final = frozenset({OutputState.COMPLETE, OutputState.FAILED, OutputState.REMOVED})
