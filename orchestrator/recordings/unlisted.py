"""Segments on the disk that the catalog doesn't know: their worker died while it was busy, or a
power cut took its last transactions.

They are listed before the files are made, as well as can be told: one ends when it was last
written to. Sound that it shares with the one before (`pipes.overlap`) isn't taken into account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from orchestrator.catalog.models import Recording, Segment
from orchestrator.catalog.probe import probe
from orchestrator.recordings.ledger import Ledger

log = structlog.get_logger(__name__)


async def list_all(ledger: Ledger, suffix: str) -> None:
    """Writes the missing rows; `suffix` is that of the segments' files."""
    recording, catalog = ledger.recording, ledger.catalog
    rows = await ledger.surely("the segments", lambda: catalog.segments(recording.id))
    for row in await asyncio.to_thread(_unlisted, recording, rows, suffix):
        log.warning("a segment that nobody listed", path=row.path, offset_s=row.offset_s)
        await ledger.surely("a segment", partial(catalog.add_segment, row))


def _unlisted(recording: Recording, rows: Sequence[Segment], suffix: str) -> list[Segment]:
    known = {row.number for row in rows}
    paths = sorted(Path(recording.work_directory).glob(f"[0-9][0-9][0-9][0-9]{suffix}"))
    found = [_row(recording, rows, path) for path in paths if int(path.stem) not in known]
    return [row for row in found if row is not None]


def _row(recording: Recording, rows: Sequence[Segment], path: Path) -> Segment | None:
    """None if it holds nothing."""
    if not (duration_s := probe(path).duration_s):
        return None
    began = recording.started_at or recording.created_at
    number, ended = int(path.stem), datetime.fromtimestamp(path.stat().st_mtime, UTC)
    before = [row for row in rows if row.number < number]
    after = [row.offset_s for row in rows if row.number > number and row.end_s]
    latest_s = min(after, default=float("inf")) - duration_s
    offset_s = min((ended - began).total_seconds() - duration_s, latest_s)
    begins_s = max(0.0, offset_s, *(row.end_s or 0.0 for row in before))
    return Segment(
        recording_id=recording.id,
        number=number,
        part=before[-1].part if before else 1,
        path=str(path),
        started_at=ended - timedelta(seconds=duration_s),
        offset_s=begins_s,
        end_s=begins_s + duration_s,
        video_frames=0,
        audio_samples=0,
    )
