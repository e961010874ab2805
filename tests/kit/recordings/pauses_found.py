"""What a file has of a recording that was paused, compared with one that wasn't. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from typing import Final

from orchestrator.catalog.pauses.model import Pause
from orchestrator.pausing import PauseMode
from tests.kit.recordings.waits import FPS
from tests.kit.signals.reading import Reading

NEAR_S: Final = 0.4
"""A beep is this near to the flash that it belongs to: both come each second."""

CUT_S: Final = 0.15
"""A flash and its beep last 0.1 s: what begins so near to a pause may begin in the middle."""


@dataclass(frozen=True)
class Asked:
    """A request to go on."""

    at: datetime
    answer_s: float


@dataclass(frozen=True)
class Found:
    """What a file has, with the pauses that its recording had."""

    pauses: int
    missing: tuple[int, ...]
    """Numbers of frames that the unpaused copy has, and that were captured outside the pauses."""
    missing_at_pauses: int
    """Frames that should stand between the last one before a pause and the first behind it."""
    never_came: int
    """Frames that the copy has neither: the publisher left them out."""
    audio_gaps: int
    flashes: int
    """Behind the first pause, with a beep in both files."""
    worst_ms: float
    """How far audio and video of one second are from each other, compared with the copy."""
    before_ms: float
    """The same, before the first pause."""
    longest_answer_ms: float
    """Of a request to go on."""
    longest_resume_ms: float
    """From such a request to the capture of the first thing that is recorded again."""
    longest_video_ms: float
    """From such a request to the capture of the first video frame that is recorded again."""
    length_ms: float
    """By how much the file is longer than what was recorded."""
    seams_ms: tuple[float, ...]
    """From the last frame before each pause to the first behind it, without a still frame's time.
    """


def found(
    reading: Reading,
    unpaused: Reading,
    rows: Sequence[Pause],
    asked: Sequence[Asked],
    recorded_s: float,
) -> Found:
    """Compares both."""
    seams = [_Seam.of(reading, row) for row in rows]
    came = set(unpaused.numbers)
    offsets = dict(_offsets_ms(reading, seams))
    usual = dict(_offsets_ms(unpaused, []))
    off = {n: abs(offsets[n] - usual[n]) for n in offsets.keys() & usual.keys()}
    first = seams[0].before
    resumed = [
        (row.ended_at - each.at).total_seconds()
        for row, each in zip(rows, asked, strict=True)
        if row.ended_at is not None
    ]
    length_s = max(reading.video_end_s + 1 / FPS, reading.audio_end_s)
    return Found(
        pauses=len(rows),
        missing=tuple(sorted(_missing(reading, seams) & came)),
        missing_at_pauses=sum(seam.missing for seam in seams),
        never_came=len(_missing(unpaused, [])),
        audio_gaps=reading.audio_gaps,
        flashes=sum(number > first for number in off),
        worst_ms=round(max((ms for n, ms in off.items() if n > first), default=0.0), 1),
        before_ms=round(max((ms for n, ms in off.items() if n <= first), default=0.0), 1),
        longest_answer_ms=round(1000 * max(each.answer_s for each in asked), 1),
        longest_resume_ms=round(1000 * max(resumed), 1),
        longest_video_ms=round(
            1000 * max(s + seam.late_s for s, seam in zip(resumed, seams, strict=True)), 1
        ),
        length_ms=round(1000 * (length_s - recorded_s), 1),
        seams_ms=tuple(round(1000 * seam.step_s, 1) for seam in seams),
    )


@dataclass(frozen=True)
class _Seam:
    """Where a pause is in a file."""

    begin_s: float
    end_s: float
    """The same moment, unless a still frame stands for it."""
    before: int
    """Number of the last frame before it."""
    after: int
    """Number of the first frame behind it."""
    step_s: float
    late_s: float
    """How much later than its end that frame is."""

    @classmethod
    def of(cls, reading: Reading, row: Pause) -> _Seam:
        still_s = (row.length_s or 0.0) if row.mode == PauseMode.STILL else 0.0
        end_s = row.at_s + still_s
        firsts = [next(group) for _, group in groupby(reading.codes, key=lambda each: each[1])]
        last_s, before = max(each for each in firsts if each[0] < row.at_s - 0.001)
        then_s, after = min(each for each in firsts if each[0] >= row.at_s - 0.001)
        step_s = then_s - last_s - still_s
        return cls(row.at_s, end_s, before, after, step_s, max(then_s - end_s, 0.0))

    @property
    def missing(self) -> int:
        """Frames that would fit between both."""
        return max(int((self.step_s + 0.005) * FPS) - 1, 0)


def _missing(reading: Reading, seams: Sequence[_Seam]) -> set[int]:
    """Numbers that are left out elsewhere than at a pause."""
    left_out = {(seam.before, seam.after) for seam in seams}
    return {
        number
        for before, after in pairwise(reading.numbers)
        if (before, after) not in left_out
        for number in range(before + 1, after)
    }


def _offsets_ms(reading: Reading, seams: Sequence[_Seam]) -> Iterator[tuple[int, float]]:
    """By how much the beep of each second comes later than its flash, in milliseconds, by the
    number of the frame that the flash begins with.
    """
    edges = [edge for seam in seams for edge in (seam.begin_s, seam.end_s)]
    firsts = {number: at_s for at_s, number in reversed(reading.codes)}
    for number in sorted(firsts):
        at_s = firsts[number]
        beep = min(reading.beeps, key=lambda each: abs(each - at_s), default=None)
        if number % FPS or beep is None or abs(beep - at_s) > NEAR_S:
            continue
        if all(abs(moment - edge) > CUT_S for edge in edges for moment in (at_s, beep)):
            yield number, 1000 * (beep - at_s)
