"""Ends of pauses that no worker could write. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from orchestrator.catalog.models import Segment
from orchestrator.catalog.pauses.model import Pause
from orchestrator.pausing import PauseMode

BEYOND_S: Final = 0.2
"""The last frame or packet before a pause may reach so far into it."""


def end_with_recording(pause: Pause, segments: Sequence[Segment], ended_at: datetime) -> None:
    """It lasted until nothing more was recorded; of a still frame as long as the file has it."""
    if pause.mode == PauseMode.STILL:
        length_s = max(recorded_s(segments) - pause.at_s, 0.0)
        ended_at = pause.began_at + timedelta(seconds=length_s)
    _end(pause, ended_at)


def end_before_death(
    pause: Pause, segments: Sequence[Segment], reported_at: datetime | None
) -> bool:
    """Ends one that was cut out and over when its worker died; False if it wasn't.

    What is recorded beyond its beginning was recorded after it. `reported_at`: when that was
    written down.
    """
    beyond_s = recorded_s(segments) - pause.at_s
    if pause.mode != PauseMode.CUT or reported_at is None or beyond_s < BEYOND_S:
        return False
    _end(pause, reported_at - timedelta(seconds=beyond_s))
    return True


def recorded_s(segments: Sequence[Segment]) -> float:
    """Where the last of them ends in the recording, in seconds, as far as it was written down."""
    return max((segment.end_s for segment in segments if segment.end_s), default=0.0)


def _end(pause: Pause, ended_at: datetime) -> None:
    pause.ended_at = max(ended_at, pause.began_at)
    pause.length_s = (pause.ended_at - pause.began_at).total_seconds()
