"""Chapters of a final file: where a recording was paused, and what else is marked. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from orchestrator.catalog.pauses.model import Pause
from orchestrator.pausing import PauseMode

BEGINNING: Final = "Beginning"
"""Of the chapter that a file begins with: some players skip what lies before the first one."""

LEAST_S: Final = 0.001
"""Chapters are counted in milliseconds; of several at one moment the last one stands."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """From `start_s` (seconds in the file) up to the next one."""

    start_s: float
    title: str


def chapters_of(
    pauses: Iterable[Pause],
    *,
    offset_s: float,
    end_s: float,
    markers: Iterable[tuple[float, str]] = (),
) -> list[Chapter]:
    """Those of the file that has the recording's time from `offset_s` to `end_s`; maybe none.

    `markers`: moments of the recording with their titles.
    """
    marked = [*markers, *(each for pause in pauses for each in _of_pause(pause))]
    inside: dict[int, Chapter] = {}
    for at_s, title in sorted(marked, key=lambda each: each[0]):
        start_s = round(at_s - offset_s, 3)
        if 0 <= start_s < end_s - offset_s - LEAST_S:
            inside[round(start_s * 1000)] = Chapter(start_s, title)
    if not inside:
        return []
    inside.setdefault(0, Chapter(0.0, BEGINNING))
    return [inside[at] for at in sorted(inside)]


def _of_pause(pause: Pause) -> list[tuple[float, str]]:
    lasted = None if pause.length_s is None else _length(pause.length_s)
    if pause.mode == PauseMode.CUT:
        return [(pause.at_s, f"After a pause of {lasted}" if lasted else "After a pause")]
    if pause.length_s is None:
        return [(pause.at_s, "Pause")]
    return [
        (pause.at_s, f"Pause of {lasted}"),
        (pause.at_s + pause.length_s, f"After a pause of {lasted}"),
    ]


def _length(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
