"""States of an encode of a finished recording. Depends on nothing.

::

    queued ──▶ running ◀──▶ paused
      │           │            │
      ▼           ▼            ▼
    cancelled   completed, failed, cancelled

`paused` has begun and goes on with the queue: after a pause, and after a server that has ended.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class EncodeState(StrEnum):
    """The state of an encode."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


_S = EncodeState

ACTIVE: Final = frozenset({_S.QUEUED, _S.RUNNING, _S.PAUSED})
FINAL: Final = frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELLED})
