"""Notes tracks that stop after they had begun, and their end. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final

MOST_NOTED: Final = 100
"""Gaps of one track: one that sends a frame every few seconds doesn't fill the event log."""


class TrackGaps:
    """Which tracks have a gap now. `note(kind, message, track=sid)` writes into the event log."""

    def __init__(self, note: Callable[..., None]) -> None:
        self._note = note
        self._open: dict[str, str] = {}
        """What each track with a gap is called, by sid."""
        self._noted: Counter[str] = Counter()

    def look(self, stalled: Mapping[str, float], names: Mapping[str, str]) -> None:
        """`stalled`: seconds since the last frame of those that have stopped; what isn't in it
        any more arrives again, or isn't expected to. `names`: of all tracks that there are."""
        for sid in stalled.keys() - self._open.keys():
            if self._noted[sid] < MOST_NOTED:
                self._noted[sid] += 1
                self._open[sid] = names.get(sid, sid)
                message = f"Nothing has arrived from {self._open[sid]} for {stalled[sid]:.0f} s."
                self._note("gap", message, track=sid)
        self._end(self._open.keys() - stalled.keys())

    def _end(self, sids: Collection[str]) -> None:
        for sid in sids:
            name = self._open.pop(sid)
            message = f"{name} arrives again, or is muted or gone."
            self._note("gap_ended", message, track=sid)
