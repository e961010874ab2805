"""Where a publication's frames are put for now, and what a track has of them so far. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STEP_NS: Final = 1_000_000
"""Least distance of two packets of a track: Matroska counts milliseconds."""

FAR_NS: Final = 80_000_000
SLEW: Final = {True: 0.25, False: 0.1}
"""How fast a video that is off its place is moved, in seconds per second: far off, and near."""


@dataclass(slots=True)
class PublicationTimes:
    """One publication's times."""

    last_ns: int | None = None
    """Of its newest frame."""
    residual_ns: int = 0
    """How far it is still off its place, to be slewed away."""

    def moved(self, time_ns: int) -> int:
        """Where the frame goes for now."""
        passed_ns = 0 if self.last_ns is None else max(time_ns - self.last_ns, 0)
        self.last_ns = time_ns
        slew = int(passed_ns * SLEW[abs(self.residual_ns) > FAR_NS])
        self.residual_ns -= max(-slew, min(slew, self.residual_ns))
        return time_ns + self.residual_ns


@dataclass(slots=True)
class TrackTimes:
    """Positions of a track's packets that were put in order."""

    newest_ns: int = -STEP_NS
    floor_ns: int = -1
    """Of the newest one that isn't shown in another order than it came."""
    end_ns: int = 0
    """Where its audio ends."""

    def end_at(self, at_ns: int) -> None:
        """What stood there or behind it is taken back."""
        self.newest_ns = min(self.newest_ns, at_ns - STEP_NS)
        self.floor_ns = min(self.floor_ns, at_ns - STEP_NS)
        self.end_ns = min(self.end_ns, at_ns)
