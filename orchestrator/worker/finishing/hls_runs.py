"""Keeps what HLS had of segments that are joined, before they are deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog

from orchestrator.catalog.hls_runs.model import HlsRun
from orchestrator.catalog.hls_runs.table import HlsRuns
from orchestrator.catalog.models import Segment
from orchestrator.errors import HavenError
from orchestrator.hls.run import SegmentRun, container_of
from orchestrator.hls.saved import packed
from orchestrator.worker.catalog_entry import CatalogEntry

log = structlog.get_logger(__name__)


async def save_runs(entry: CatalogEntry, segments: Sequence[Segment], *, copied: bool) -> None:
    """Writes the pieces of these segments into the catalog.

    Whoever plays the recording while it ends goes on with the same ones. If that fails, the file
    isn't affected: pieces of other lengths are made of it later.
    """
    try:
        runs = await asyncio.to_thread(_runs, segments, copied=copied)
        await HlsRuns(entry.catalog).put(runs)
    except (HavenError, OSError, ValueError) as error:
        log.warning("the HLS pieces of joined segments were not kept", error=str(error))


def _runs(segments: Sequence[Segment], *, copied: bool) -> list[HlsRun]:
    return [found for one in segments if (found := _run(one, copied=copied)) is not None]


def _run(segment: Segment, *, copied: bool) -> HlsRun | None:
    path = Path(segment.path)
    if (container := container_of(path)) is None:
        return None
    run = SegmentRun(segment.number, path, container, segment.offset_s, copied)
    run.poll(last=True)
    if not run.pieces:
        return None
    return HlsRun(
        recording_id=segment.recording_id,
        segment=segment.number,
        init=b"".join(run.inits),
        pieces=packed(run.pieces),
    )
