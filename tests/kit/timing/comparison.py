"""A recording's file against the reference: what is off, and by how much."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from orchestrator.media import TrackKind
from tests.kit.signals.reading import Reading
from tests.kit.timing.reference import Reference

FPS: Final = 30


@dataclass(frozen=True)
class Timing:
    """One recording against the truth; times in ms."""

    seconds: int
    """Flashes with a beep that both, file and reference, have."""
    offset_ms: float
    """Median of audio against video, beyond the publisher's own."""
    spread_ms: float
    """Its 5th to 95th percentile."""
    trend_ms: float
    """Median of the last quarter less that of the first."""
    worst_ms: float
    own_ms: float
    """The publisher's own offset: its beeps against its flashes."""
    beeps_ms: float
    """Largest error of the distance between two beeps that follow each other."""
    beeps_missing: int
    frames_ms: float
    """95th percentile of the frames' error."""
    frames_worst_ms: float
    retimed_percent: float
    """Largest error of the distance between two frames that follow each other."""
    late_ms: float
    """How much later than the least late of them a frame of the file arrived."""
    frames_missing_percent: float
    freeze_s: float
    """Longest time between two frames, held ones left out."""
    audio_gaps: int
    length_ms: float
    """Length of the audio less the time from the first frame to its end, by the truth."""


def compare(reading: Reading, reference: Reference) -> Timing:
    """The figures of one file."""
    true = reference.frame_times()
    first = {code: at for at, code in reversed(reading.codes) if code in true}
    # One that had begun before the file did says nothing of when it began.
    heard = [beep for beep in reading.beeps if beep > 0.02]
    own, found = _offsets(first, true, heard, reference.beeps())
    off = [f - o for f, o in zip(found, own, strict=True)]
    shifts = np.array([first[code] - true[code] for code in sorted(first)])
    shift = float(np.median(shifts))
    errors = np.abs(shifts - shift) * 1e3
    quarter = max(1, len(off) // 4)
    beeps = _beep_errors(heard, [beep + shift for beep in reference.beeps()])
    sent = _sent(sorted(true), min(first), max(first))
    at = sorted(first.values())
    return Timing(
        seconds=len(off),
        offset_ms=1e3 * statistics.median(off),
        spread_ms=1e3 * float(np.percentile(off, 95) - np.percentile(off, 5)),
        trend_ms=1e3 * (statistics.median(off[-quarter:]) - statistics.median(off[:quarter])),
        worst_ms=1e3 * max(map(abs, off)),
        own_ms=1e3 * statistics.median(own),
        beeps_ms=max(beeps, default=0.0),
        beeps_missing=_beeps_missing(reading, [beep + shift for beep in reference.beeps()]),
        frames_ms=float(np.percentile(errors, 95)),
        frames_worst_ms=float(errors.max()),
        retimed_percent=_retimed(first, true),
        late_ms=_late_ms(reference, first),
        frames_missing_percent=100 * (1 - len(first.keys() & sent) / len(sent)),
        freeze_s=max((b - a for a, b in pairwise(at)), default=0.0),
        audio_gaps=reading.audio_gaps,
        length_ms=1e3 * (reading.audio_end_s - reading.video_end_s),
    )


def _late_ms(reference: Reference, first: dict[int, float]) -> float:
    """Of the RTP stream that was received last."""
    videos = [seen for (kind, _), seen in reference.seen.items() if kind is TrackKind.VIDEO]
    delays = [delay for code, delay in videos[-1].delays.items() if code in first]
    return 1e3 * (max(delays) - min(delays)) if delays else 0.0


def _retimed(first: dict[int, float], true: dict[int, float]) -> float:
    """In percent of the true distance."""
    following = [code for code in first if code + 1 in first]
    ratios = [(first[code + 1] - first[code]) / (true[code + 1] - true[code]) for code in following]
    return 100 * max((abs(ratio - 1) for ratio in ratios), default=0.0)


def _sent(seen: list[int], first: int, last: int) -> set[int]:
    """The numbers that were sent: those seen, and those missing for less than half a second."""
    found = set(seen)
    for a, b in pairwise(seen):
        if b - a < FPS / 2:
            found.update(range(a, b))
    return {number for number in found if first <= number <= last}


def _offsets(
    first: dict[int, float], true: dict[int, float], beeps: list[float], true_beeps: list[float]
) -> tuple[list[float], list[float]]:
    """For each flash with a beep: how much later it sounds, in truth and in the file."""
    own, found = [], []
    for code in sorted(first):
        if code % FPS:
            continue
        truly, here = _nearest(true_beeps, true[code]), _nearest(beeps, first[code])
        if truly is not None and here is not None:
            own.append(truly)
            found.append(here)
    return own, found


def _nearest(beeps: list[float], flash: float) -> float | None:
    near = min((beep - flash for beep in beeps), key=abs, default=None)
    return near if near is not None and abs(near) < 0.4 else None


def _beep_errors(beeps: list[float], true_beeps: list[float]) -> list[float]:
    """Errors of the distances of neighbouring beeps, in ms."""
    pairs = [(beep, near + beep) for beep in beeps if (near := _nearest(true_beeps, beep))]
    return [1e3 * abs(b - a - (tb - ta)) for (a, ta), (b, tb) in pairwise(pairs) if b - a < 1.5]


def _beeps_missing(reading: Reading, true_beeps: list[float]) -> int:
    """True beeps within the recording that the file doesn't have."""
    inside = [beep for beep in true_beeps if 0.2 < beep < reading.audio_end_s - 0.2]
    return sum(_nearest(reading.beeps, beep) is None for beep in inside)
