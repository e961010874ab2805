"""Segments on the disk that the catalog doesn't list: their worker died while the catalog was busy,
or a power cut took its last transactions.

They are listed before the files are made, each at the position that was written beside it. Where
that is gone too, a segment goes right behind the previous one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from orchestrator.catalog.models import Recording, Segment
from orchestrator.mediafiles.probe import probe
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.segments.segment_positions import SegmentPosition, read_position

log = structlog.get_logger(__name__)


async def list_segments(entry: CatalogEntry, suffix: str) -> None:
    """Writes the missing rows; `suffix` is that of the segments' files."""
    recording, catalog = entry.recording, entry.catalog
    rows = await entry.with_retries("the segments", lambda: catalog.segments(recording.id))
    for row in await asyncio.to_thread(_unlisted, recording, rows, suffix):
        log.warning("segment was not in the catalog", path=row.path, offset_s=row.offset_s)
        await entry.with_retries("a segment", partial(catalog.add_segment, row))


def _unlisted(recording: Recording, rows: Sequence[Segment], suffix: str) -> list[Segment]:
    known = {row.number for row in rows}
    paths = sorted(Path(recording.work_directory).glob(f"[0-9][0-9][0-9][0-9]{suffix}"))
    missing: list[Segment] = []
    for path in paths:
        if int(path.stem) in known:
            continue
        row = _row(recording, [*rows, *missing], path)
        missing += [] if row is None else [row]
    return missing


def _behind(before: Sequence[Segment]) -> SegmentPosition:
    latest = max(before, key=lambda row: row.end_s or 0.0, default=None)
    return (
        SegmentPosition(0.0, 1)
        if latest is None
        else SegmentPosition(latest.end_s or 0.0, latest.part)
    )


def _row(recording: Recording, rows: Sequence[Segment], path: Path) -> Segment | None:
    """None if it holds nothing."""
    if not (duration_s := probe(path).duration_s):
        return None
    number, ended = int(path.stem), datetime.fromtimestamp(path.stat().st_mtime, UTC)
    position = read_position(path) or _behind([row for row in rows if row.number < number])
    return Segment(
        recording_id=recording.id,
        number=number,
        part=position.part,
        path=str(path),
        started_at=ended - timedelta(seconds=duration_s),
        offset_s=position.offset_s,
        end_s=position.offset_s + duration_s,
        video_frames=0,
        audio_samples=0,
    )
