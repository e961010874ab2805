"""What is missing in a recording, and whether the faults that hit it may be blamed for it. Pure.

Seconds are those of the publisher's clock: it draws its frames' numbers by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

ALLOWED_S: Final = 4.0
"""What a fault may cost each recording that it hits, beside the time that something was away."""

NOTICED_S: Final = 1.0
"""Shorter gaps are not counted: a busy publisher leaves frames out."""

OWN_S: Final = 2.0
"""The longest gap that may come of that, where there was no fault."""

EFFECT_S: Final = 6.0
"""How long after its end a fault may still show: an ffmpeg that stands still is seen after 4 s."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that was done, from its beginning until what it took away was back."""

    what: str
    room: str | None
    """None: it hit all of them."""
    began_s: float
    ended_s: float
    may_cost_s: float | None = None
    """Beside the time that something was away; None: what any fault may."""

    def hit(self, room: str) -> bool:
        """Whether the recordings of this room may show it."""
        return self.room in (None, room)


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames that are missing between two that are there."""

    began_s: float
    ended_s: float

    @property
    def missing_s(self) -> float:
        """How much is missing."""
        return self.ended_s - self.began_s

    def may_come_of(self, fault: Struck) -> bool:
        """Whether the fault was there when it began, or shortly before."""
        return fault.began_s <= self.ended_s and self.began_s <= fault.ended_s + EFFECT_S


def costly(
    faults: Sequence[Struck], of_the_server: Collection[str], worker_killed: str
) -> list[Struck]:
    """Those that may cost a recording something.

    Recordings go on without a server; only who has just lost his worker waits for the next server,
    which has to give him another.
    """
    lost = [fault.began_s for fault in faults if fault.what == worker_killed]
    return [
        fault
        for fault in faults
        if fault.what not in of_the_server
        or any(0 <= fault.began_s - at_s < ALLOWED_S for at_s in lost)
    ]


def gaps(numbers: Sequence[int], fps: int, end_s: float | None = None) -> list[Gap]:
    """The gaps between these frames, and from the last one to the recording's end."""
    times = [number / fps for number in numbers] + ([] if end_s is None else [end_s])
    between = [Gap(a + 1 / fps, b) for a, b in pairwise(times)]
    return [gap for gap in between if gap.missing_s >= NOTICED_S]


def blamed(gap: Gap, faults: Iterable[Struck]) -> list[Struck]:
    """The faults that the gap may come of."""
    return [fault for fault in faults if gap.may_come_of(fault)]


def allowed_s(faults: Sequence[Struck], each_s: float = ALLOWED_S) -> float:
    """How much may be missing where these faults meet."""
    costs = (each_s if f.may_cost_s is None else f.may_cost_s for f in faults)
    away_s = sum(f.ended_s - f.began_s for f in faults)
    return sum(costs, start=away_s if faults else OWN_S)


def complaint(gap: Gap, faults: Iterable[Struck], each_s: float = ALLOWED_S) -> str | None:
    """In words what is wrong with a gap, given the faults that hit its recording.

    `each_s`: what one of them may cost.
    """
    causes = blamed(gap, faults)
    if gap.missing_s <= allowed_s(causes, each_s):
        return None
    after = " and ".join(f"{f.what} at {f.began_s:.1f} s" for f in causes) or "no fault at all"
    return f"{gap.missing_s:.1f} s are missing from {gap.began_s:.1f} s on, after {after}"
