"""What all kinds of segments of a recording have in common: rows in the catalog, and totals."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.process.run_result import RunResult
from orchestrator.errors import Unavailable
from orchestrator.worker.preview import Preview
from orchestrator.worker.segments.open_segment import OpenSegment, SegmentTotals
from orchestrator.worker.segments.segment_encoding import SegmentEncoding

log = structlog.get_logger(__name__)

SAVE_S: Final = 1.0
"""How long to wait for the catalog before a segment begins without it."""


@dataclass(slots=True, kw_only=True)
class ListedSegments:
    """Lists segments in the catalog.

    A busy catalog delays nothing: what it didn't take is written by a later `save_all`.
    """

    recording: Recording
    encoding: SegmentEncoding
    catalog: Catalog
    preview: Preview
    numbers_taken: int
    """The highest number of a segment that earlier workers made."""
    part: int = 1
    """Number of the final file that the next segment goes into."""
    files: list[tuple[int, Path]] = field(default_factory=list)
    """Part and path of each segment, first those of the part that a new worker continues."""
    first_ns: int | None = None
    """When the first frame was written, on the monotonic clock."""
    _ended: SegmentTotals = field(default_factory=SegmentTotals)
    _open: dict[int, OpenSegment] = field(default_factory=dict)
    """Segments whose end isn't in the catalog, by number."""

    def totals(self) -> SegmentTotals:
        """Counts up to now, including the running segment."""
        totals = self._ended
        for segment in self._open.values():
            totals = totals.plus(segment.statistics())
        return totals

    @property
    def end_s(self) -> float:
        """How long the recording is now, in seconds."""
        return self.totals().reaches_s

    @property
    def running_step(self) -> int | None:
        """Speed step of the segment that was begun last; None where nothing is encoded."""
        return None

    def encoder_input(self) -> dict[str, Any]:
        """What the encoder gets, in the names of `VideoFigures`; empty where none is."""
        return {}

    def growing(self) -> frozenset[Path]:
        """Files of segments whose run hasn't ended. May be called in any thread."""
        return frozenset(each.path for each in list(self._open.values()) if each.ending is None)

    def whole_parts(self) -> range:
        """Numbers of the parts whose segments have all ended, as the catalog has it."""
        return range(1, min((segment.part for segment in self._open.values()), default=self.part))

    async def save_all(self) -> None:
        """Update the rows: a worker that is killed can't do so at the end.

        Unavailable if the catalog is too busy; what it didn't take is kept for the next time.
        """
        for segment in list(self._open.values()):
            last = segment.ending is not None
            await self.catalog.add_segment(segment.row())
            if last and self._open.pop(segment.number, None) is not None:
                self._ended = self._ended.plus(segment.statistics())

    def _list(self, segment: OpenSegment) -> None:
        self._open[segment.number] = segment
        self.files.append((segment.part, segment.path))

    async def _save(self) -> None:
        """All rows, unless the catalog is busy: no segment waits for it."""
        try:
            async with asyncio.timeout(SAVE_S):
                await self.save_all()
        except (Unavailable, TimeoutError) as error:
            log.warning("segments not listed yet", error=str(error))

    async def _end(self, segment: OpenSegment, ending: RunResult) -> None:
        segment.ended_at, segment.ending = datetime.now(UTC), ending
        await self._save()

    def _first(self) -> None:
        self.first_ns = self.first_ns or time.monotonic_ns()
