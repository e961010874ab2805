"""The steps of a start: each once, in order, and none after one that refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import (
    AlreadyActive,
    InvalidRequest,
    NoCapacity,
    StreamNotFound,
)
from tests.kit.catalog.rows import recording
from tests.kit.recordings.starting import REQUEST, Parts, parts_in, start_of


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """An empty catalog and a machine that does nothing."""
    async with parts_in(tmp_path) as parts:
        yield parts


async def test_each_step_is_done_once_and_in_order(parts: Parts, tmp_path: Path) -> None:
    row = await start_of(parts, tmp_path).start(REQUEST)
    assert parts.steps == ["ffmpeg", "active", "find", "capacity", "video", "create", "launch"]
    found = await parts.catalog.get(row.id)
    assert (found.stream_id, found.stream["name"]) == ("room", "A talk")
    assert found.stream["video"] is True
    assert (found.pipeline, found.output_format) == ("mp4", "mp4")
    assert (found.video_quality, found.audio_quality) == ("high", "high")
    assert (found.speed_step, found.speed_pinned) == (2, True)
    assert (found.limits, found.started_by) == ({"max_duration_s": 90.0}, "watch")
    assert found.reserved_cores is not None
    assert Path(found.work_directory).is_dir()
    assert Path(found.output_path).parent == tmp_path
    assert found.state == "recording"


async def test_what_is_checked_asks_no_directory(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no speed step 9"):
        await start_of(parts, tmp_path).start(replace(REQUEST, speed_step=9))
    assert parts.steps == []


async def test_a_stream_that_is_recorded_is_not_looked_for(parts: Parts, tmp_path: Path) -> None:
    await parts.catalog.create(recording("a", "room"))
    parts.steps.clear()
    with pytest.raises(AlreadyActive):
        await start_of(parts, tmp_path).start(REQUEST)
    assert parts.steps == ["ffmpeg", "active"]


async def test_a_stream_that_is_not_live_costs_nothing(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(StreamNotFound):
        await start_of(parts, tmp_path).start(replace(REQUEST, stream_id="other"))
    assert parts.steps == ["ffmpeg", "active", "find"]


async def test_who_is_not_admitted_leaves_nothing(parts: Parts, tmp_path: Path) -> None:
    parts.limit_cores = 0.01
    films = tmp_path / "films"
    films.mkdir()
    with pytest.raises(NoCapacity):
        await start_of(parts, films).start(REQUEST)
    assert "launch" not in parts.steps
    assert list(films.iterdir()) == []
    assert await parts.catalog.active() == []
