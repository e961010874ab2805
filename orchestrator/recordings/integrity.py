"""Whether a finished file holds what was recorded: its streams, and its length by the clock. Pure.

The probe (mediafiles.probe) checks that its first and last second decode; a file that fails this
gets here only if the disk had no headroom for a better one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.catalog.models import Segment

if TYPE_CHECKING:
    from orchestrator.mediafiles.probe import Probe

WHOLE: Final = "whole"
INCOMPLETE: Final = "incomplete"

TOLERANCE_S: Final = 0.5
"""Audio is written without a gap to the end; encoders pad their last frame (60 ms at most)."""

HELD_FRAME_S: Final = 1.0
"""Containers show the last frame for as long as the one before it: a held one for a second."""

VIDEO_ONLY_TOLERANCE_S: Final = 2.0
"""Without audio the file ends with its last frame: held ones come once a second, 0.7 s late."""

CUT_TOLERANCE_S: Final = 5.0
"""A killed ffmpeg had up to this much in its buffers: a fragment is 1 to 2 s long (pipelines/), and
the encoder holds frames, more of them while it is behind."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file should hold, by what ffmpeg was given."""

    video: bool
    audio: bool
    duration_s: float | None
    """None if unknown: segments of versions that didn't write it down."""
    tolerance_s: float
    may_be_longer: bool = False
    """Its worker died before it wrote down the end."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`outcome` is WHOLE or INCOMPLETE, and `problem` what is missing, in words."""

    outcome: str
    problem: str | None = None


def expected(parts: Sequence[Segment], *, video: bool, audio: bool) -> Expected:
    """What the file made of these segments (in order) should hold."""
    ends = [segment.end_s for segment in parts]
    known = [end for end in ends if end is not None]
    cut = parts[-1].outcome != "finished"
    usual_s = TOLERANCE_S if audio else VIDEO_ONLY_TOLERANCE_S
    return Expected(
        video,
        audio,
        max(known) - parts[0].offset_s if len(known) == len(ends) else None,
        CUT_TOLERANCE_S if cut else usual_s,
        may_be_longer=parts[-1].outcome is None,
    )


def verdict(probe: Probe, wanted: Expected) -> Verdict:
    """The outcome of the check of a file that plays."""
    problems = [
        f"it has no {name}"
        for name, expected, stream in (
            ("video", wanted.video, probe.video),
            ("audio", wanted.audio, probe.audio),
        )
        if expected and stream is None
    ]
    if probe.problem is not None:
        problems.append(f"only up to its cut ({probe.problem.rstrip('.')})")
    if (wrong_length := _wrong_length(probe.duration_s, wanted)) is not None:
        problems.append(wrong_length)
    if not problems:
        return Verdict(WHOLE)
    return Verdict(INCOMPLETE, f"The file plays, but {' and '.join(problems)}.")


def _wrong_length(duration_s: float | None, wanted: Expected) -> str | None:
    if wanted.duration_s is None:
        return None
    if duration_s is None:
        return "its length is unknown"
    longer_s = duration_s - wanted.duration_s
    longest_s = math.inf if wanted.may_be_longer else wanted.tolerance_s
    longest_s += HELD_FRAME_S if wanted.video else 0
    if -wanted.tolerance_s <= longer_s <= longest_s:
        return None
    return f"it is {duration_s:.1f} s long, and {wanted.duration_s:.1f} s were recorded"
