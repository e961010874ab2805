"""Each segment's position, written beside it: the catalog may be busy, or lose its last writes.

A segment's own times begin at zero, and its file's modification time says little once the wall
clock was set.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from orchestrator.catalog.models import Segment

log = structlog.get_logger(__name__)

SUFFIX = ".place"


@dataclass(frozen=True, slots=True)
class SegmentPosition:
    """A segment's beginning on the recording's timeline, and the part it belongs to."""

    offset_s: float
    part: int


def numbers_taken(rows: Sequence[Segment], work: Path) -> int:
    """The highest number of a segment, in the catalog or on the disk: none is overwritten.

    A worker may have been killed before its catalog took the row. Blocking.
    """
    on_disk = (int(path.stem) for path in work.glob("[0-9][0-9][0-9][0-9]*") if path.stem.isdigit())
    return max((*(row.number for row in rows), *on_disk), default=0)


def write_position(segment: Path, position: SegmentPosition) -> None:
    """Blocking. A disk that can't take it won't take the segment either: that is reported."""
    try:
        segment.with_suffix(SUFFIX).write_text(json.dumps(asdict(position)), "ascii")
    except OSError as error:
        log.warning("segment position not written", path=str(segment), error=str(error))


def read_position(segment: Path) -> SegmentPosition | None:
    """None where it isn't known. Blocking."""
    try:
        found = json.loads(segment.with_suffix(SUFFIX).read_text("ascii"))
        position = SegmentPosition(float(found["offset_s"]), int(found["part"]))
    except (OSError, ValueError, TypeError, KeyError):  # truncated when its worker was killed
        return None
    return position if math.isfinite(position.offset_s) and position.part > 0 else None
