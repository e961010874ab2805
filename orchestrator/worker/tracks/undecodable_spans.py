"""From when to when frames of video were left out of a copy, as ones that they need are missing."""

from __future__ import annotations

from typing import Final

from orchestrator.worker.tracks.capture import Note

QUIET_S: Final = 3.0
"""For so long none may have been left out before it is over."""


class UndecodableSpans:
    """Notes where a span begins and ends. `look` often; seconds are those of the recording."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._count = 0
        self._began_s: float | None = None
        self._before = 0
        """How many there were before the span."""
        self._latest_s = 0.0

    def look(self, count: int, at_s: float) -> None:
        """`count`: how many were left out so far."""
        if count > self._count:
            if self._began_s is None:
                self._begin(at_s)
            self._count, self._latest_s = count, at_s
        elif self._began_s is not None and at_s - self._latest_s >= QUIET_S:
            self.end()

    def end(self) -> None:
        """Nothing more comes."""
        if self._began_s is None:
            return
        left_out, began_s, self._began_s = self._count - self._before, self._began_s, None
        self._note(
            "undecodable",
            f"{left_out} frames of video were left out from {began_s:.1f} s"
            f" to {self._latest_s:.1f} s: one that they need is missing.",
            frames=left_out,
            from_s=began_s,
            to_s=self._latest_s,
        )

    def _begin(self, at_s: float) -> None:
        self._began_s, self._before = at_s, self._count
        message = f"Frames of video are left out from {at_s:.1f} s on, until a keyframe comes:"
        self._note("undecodable", f"{message} one that they need is missing.", from_s=at_s)
