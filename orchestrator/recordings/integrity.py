"""Whether a finished file is what was recorded: its streams and its length against the clock. Pure.

That its first and last second decode is the probe's to say (catalog.probe); a file of which they
don't gets here only if there was no room on the disk for a better one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator.catalog.models import Segment
from orchestrator.catalog.probe import Probe

WHOLE: Final = "whole"
INCOMPLETE: Final = "incomplete"

TOLERANCE_S: Final = 0.5
"""Sound is written without a gap to the end; encoders fill up their last frame (60 ms at most)."""

PICTURE_TOLERANCE_S: Final = 2.0
"""Without sound the file ends with its last picture: held ones come once a second, 0.7 s late."""

CUT_TOLERANCE_S: Final = 5.0
"""An ffmpeg that was killed had up to this much in its buffers: a fragment is 1 to 2 s long
(pipelines/), and the encoder holds pictures, more of them while it is behind."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file should hold, by what was given to ffmpeg."""

    video: bool
    audio: bool
    duration_s: float | None
    """None where nobody knows: segments of versions that didn't count."""
    tolerance_s: float
    may_be_longer: bool = False
    """Its worker died, and could write down no end."""


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
    usual_s = TOLERANCE_S if audio else PICTURE_TOLERANCE_S
    return Expected(
        video,
        audio,
        max(known) - parts[0].offset_s if len(known) == len(ends) else None,
        CUT_TOLERANCE_S if cut else usual_s,
        may_be_longer=parts[-1].outcome is None,
    )


def verdict(found: Probe, wanted: Expected) -> Verdict:
    """The outcome of the check of a file that plays."""
    problems = [
        f"it has no {name}"
        for name, stream, there in (
            ("picture", wanted.video, found.video),
            ("sound", wanted.audio, found.audio),
        )
        if stream and there is None
    ]
    if found.problem is not None:
        problems.append(f"only up to its cut ({found.problem.rstrip('.')})")
    if (wrong := _wrong_length(found.duration_s, wanted)) is not None:
        problems.append(wrong)
    if not problems:
        return Verdict(WHOLE)
    return Verdict(INCOMPLETE, f"The file plays, but {' and '.join(problems)}.")


def _wrong_length(duration_s: float | None, wanted: Expected) -> str | None:
    if wanted.duration_s is None:
        return None
    if duration_s is None:
        return "it doesn't say how long it is"
    longer_s = duration_s - wanted.duration_s
    if abs(longer_s) <= wanted.tolerance_s or (longer_s > 0 and wanted.may_be_longer):
        return None
    return f"it is {duration_s:.1f} s long, and {wanted.duration_s:.1f} s were recorded"
