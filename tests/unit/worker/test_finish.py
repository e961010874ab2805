"""How a recording ends that recorded nothing: stopped early, given up, or failed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError, NoMedia, StoppedWhileStarting
from orchestrator.recordings.outcome import stopped_early
from orchestrator.recordings.states import STOPPED, RecordingState
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.finishing.finish import conclude
from orchestrator.worker.segments.segment_encoding import SegmentEncoding
from tests.kit.catalog.rows import recording
from tests.unit.server.test_watchdog import Watched


async def add(catalog: Catalog, folder: Path, **columns: Any) -> CatalogEntry:
    work = folder / ".a.av1.haven"
    work.mkdir()
    row = recording("a", work_directory=str(work), output_path=str(folder / "a.av1"), **columns)
    await catalog.create(row)
    return CatalogEntry(row, catalog)


async def concluded(entry: CatalogEntry, reason: str | None, error: HavenError | None) -> Recording:
    encoding: asyncio.Future[SegmentEncoding] = asyncio.get_running_loop().create_future()
    await conclude(entry, encoding, reason, error)
    return await entry.catalog.get("a")


@pytest.mark.parametrize("error", [stopped_early("room"), None])
async def test_told_to_stop_before_a_frame_it_is_aborted(
    catalog: Catalog, tmp_path: Path, error: StoppedWhileStarting | None
) -> None:
    """Without an error: the stop came between the first frame and ffmpeg's first report."""
    ended = await concluded(await add(catalog, tmp_path), STOPPED, error)
    assert (ended.state, ended.error_code, ended.error) == ("aborted", None, None)
    assert ended.reason == "stopped before the first frame"
    assert ended.ended_at is not None
    assert not list(tmp_path.glob(".*.haven"))
    assert await catalog.counts() == {"aborted": 1}


async def test_what_ended_by_itself_without_a_frame_has_failed(
    catalog: Catalog, tmp_path: Path
) -> None:
    ended = await concluded(await add(catalog, tmp_path), "the room was closed", None)
    assert (ended.state, ended.error_code) == ("failed", "encoding_failed")


async def test_what_was_recorded_once_and_is_gone_has_failed(
    catalog: Catalog, tmp_path: Path
) -> None:
    entry = await add(catalog, tmp_path)
    await entry.change_state(RecordingState.RECORDING)
    ended = await concluded(entry, STOPPED, None)
    assert (ended.state, ended.error_code) == ("failed", "encoding_failed")


async def test_given_up_it_has_failed_of_that(catalog: Catalog, tmp_path: Path) -> None:
    """The worker is asked to stop, too, and knows nothing else."""
    entry = await add(catalog, tmp_path)
    why = NoMedia("No frame came.", "Check the publisher.")
    await Watched(catalog).watchdog.want_stop(entry.recording, why)
    ended = await concluded(entry, STOPPED, stopped_early("room"))
    assert (ended.state, ended.error_code) == ("failed", "no_media")
    assert (ended.error, ended.detail) == ("No frame came.", "Check the publisher.")
