"""What is heard in a chaos run's files, and whether it is in step with what is seen. Pure.

The publisher's clock is read off the frames' numbers; audio is placed by the frames around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from tests.chaos.schedule import STALLS
from tests.chaos.verdict import EFFECT_S, Gap, Struck
from tests.kit.signals.reading import Reading

QUIET_S: Final = 0.2
"""Shorter gaps are not counted: audio is looked at in twentieths of a second."""

NEAR_S: Final = 0.5
"""Frames so near to a beep say when it was."""

IN_STEP_S: Final = 0.1
"""How far a beep may be from where it usually is beside the frames."""

BACK_S: Final = 1.0
"""How long after a stall it may be wrong."""

LOOKED_S: Final = 4.0
"""How long from then on it is looked at."""

Spans = Sequence[tuple[float, float]]


def on_the_clock(reading: Reading, tone: int, fps: int) -> Spans:
    """From when to when a tone is heard, by the publisher's clock."""
    seen = _first_seen(reading)
    if not seen:
        return []
    zero_s = median(code / fps - at for code, at in seen.items())
    return [(begin + zero_s, end + zero_s) for begin, end in reading.heard.get(tone, [])]


def silences(heard: Iterable[tuple[float, float]], begin_s: float, end_s: float) -> list[Gap]:
    """The gaps between these spans, between two moments."""
    clipped = ((max(a, begin_s), min(b, end_s)) for a, b in heard if b > begin_s and a < end_s)
    edges = [(begin_s, begin_s), *clipped, (end_s, end_s)]
    between = [Gap(a, b) for (_, a), (b, _) in pairwise(edges)]
    return [gap for gap in between if gap.missing_s >= QUIET_S]


def beeps(reading: Reading, fps: int) -> list[tuple[int, float]]:
    """The full second of each beep, and how much later than it the beep is, in seconds."""
    seen = sorted((at, code / fps - at) for code, at in _first_seen(reading).items())
    found = []
    for beep in reading.beeps:
        near = [ahead for at, ahead in seen if abs(at - beep) < NEAR_S]
        if near:
            heard_s = beep + median(near)
            found.append((round(heard_s), heard_s - round(heard_s)))
    return found


def out_of_step(
    heard: Sequence[tuple[int, float]], faults: Sequence[Struck]
) -> dict[Struck, list[float]]:
    """By stall, how far beeps are from their usual place a second after it and later, in seconds.

    Only those that no other fault may have moved.
    """
    if not heard:
        return {}
    usual_s = median(late for _, late in heard)
    after: dict[Struck, list[float]] = {}
    for stall in (fault for fault in faults if fault.what in STALLS):
        others = [fault for fault in faults if fault is not stall]
        back_s = stall.ended_s + BACK_S
        after[stall] = [
            late - usual_s
            for second, late in heard
            if back_s <= second <= back_s + LOOKED_S and not any(_shows(f, second) for f in others)
        ]
    return after


def _shows(fault: Struck, second: float) -> bool:
    return fault.began_s - 1 <= second <= fault.ended_s + EFFECT_S


def _first_seen(reading: Reading) -> dict[int, float]:
    """When each frame is shown first: one that is held comes again."""
    return {code: at for at, code in reversed(reading.codes)}
