"""Sidecars go with their recording: when it is deleted, and when it is too old."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.errors import RecordingNotFound
from orchestrator.recordings.sidecars.publishing import publish_sidecars
from orchestrator.server.deletion import delete_recording
from orchestrator.server.housekeeping.retention import Retention, Rule
from tests.kit.catalog.rows import NOON
from tests.kit.recordings.sidecars import WithSidecars


@pytest.fixture
async def talk(catalog: Catalog, tmp_path: Path) -> WithSidecars:
    """One that ended long ago; its sidecars lie beside its file."""
    columns = {"state": "completed", "ended_at": NOON - timedelta(days=100)}
    talk = await WithSidecars(catalog, tmp_path / "out", columns).create()
    await talk.write()
    await publish_sidecars(catalog, talk.row, talk.output, "private")
    return talk


def left(talk: WithSidecars) -> list[str]:
    return sorted(path.name for path in talk.folder.iterdir())


async def test_deleted_with_it(talk: WithSidecars) -> None:
    await delete_recording(talk.catalog, "r1")
    assert left(talk) == []
    assert await talk.rows() == {}


async def test_other_files_in_their_folder_stay(talk: WithSidecars) -> None:
    mine = talk.folder / "talk.images" / "mine.jpg"
    mine.touch()
    await delete_recording(talk.catalog, "r1")
    assert [left(talk), mine.exists()] == [["talk.images"], True]


async def test_those_still_in_the_work_folder_go_too(talk: WithSidecars) -> None:
    await talk.write()
    await delete_recording(talk.catalog, "r1")
    assert not talk.work.exists()


async def test_too_old_they_go_and_count_as_size(talk: WithSidecars) -> None:
    sizes = 100 + sum(row.size_bytes for row in (await talk.rows()).values())
    assert await Retention(Rule(size_bytes=sizes), talk.catalog).round(NOON) == []
    assert await Retention(Rule(size_bytes=sizes - 1), talk.catalog).round(NOON) == ["r1"]
    assert left(talk) == []
    with pytest.raises(RecordingNotFound):
        await talk.catalog.get("r1")


async def test_a_recording_with_one_that_was_changed_stays(talk: WithSidecars) -> None:
    (talk.folder / "talk.data.jsonl").write_text("cut")
    assert await Retention(Rule(timedelta(days=1)), talk.catalog).round(NOON) == []
    assert talk.output.exists()


@pytest.mark.parametrize("strange", [False, True])
async def test_kept_ones_in_the_work_folder_are_ours(talk: WithSidecars, strange: bool) -> None:
    await talk.write()
    if strange:
        (talk.work / "0001").mkdir()
    deleted = await Retention(Rule(timedelta(days=1)), talk.catalog).round(NOON)
    assert deleted == ([] if strange else ["r1"])
    assert talk.work.exists() == strange
