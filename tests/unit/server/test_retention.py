"""Old recordings go by age and by size; what was changed, runs or isn't ours stays."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from orchestrator.catalog.encodes import Encodes
from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.errors import RecordingNotFound
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.server.encodes.request import new_encode
from orchestrator.server.housekeeping.retention import Retention, Rule
from orchestrator.settings import Settings
from tests.kit.catalog.rows import NOON, recording

DAY = timedelta(days=1)


async def add(catalog: Catalog, folder: Path, id: str, days_ago: float, **columns: object) -> Path:
    """A recording that ended so long before NOON, with a file of 100 bytes."""
    path = folder / f"{id}.mp4"
    path.write_bytes(b"x" * 100)
    ended = NOON - days_ago * DAY
    values = {"state": "completed", "ended_at": ended, "size_bytes": 100} | columns
    await catalog.create(recording(id, stream_id=id, output_path=str(path), **values))
    file = {"recording_id": id, "number": 1, "path": str(path), "offset_s": 0.0}
    await catalog.put_file(File(**file, duration_s=1.0, size_bytes=100, made_at=ended))
    return path


async def test_by_age_with_its_reason_logged(catalog: Catalog, tmp_path: Path) -> None:
    old, young = [await add(catalog, tmp_path, f"{d}", d) for d in (31, 29)]
    beside = tmp_path / "31.txt"
    beside.write_text("mine")
    with capture_logs() as logs:
        deleted = await Retention(Rule(age=30 * DAY), catalog).round(NOON)
    assert deleted == ["31"]
    assert not old.exists()
    assert young.exists()
    assert beside.exists()
    with pytest.raises(RecordingNotFound):
        await catalog.get("31")
    (line,) = [line for line in logs if line["event"] == "recording deleted"]
    assert (line["recording"], line["reason"]) == ("31", "older than 30 days")


async def test_by_size_the_oldest_first(catalog: Catalog, tmp_path: Path) -> None:
    paths = [await add(catalog, tmp_path, f"{d}", d) for d in (1, 3, 2)]
    assert await Retention(Rule(size_bytes=150), catalog).round(NOON) == ["3", "2"]
    assert [path.exists() for path in paths] == [True, False, False]
    assert await Retention(Rule(size_bytes=100), catalog).round(NOON) == []


@pytest.mark.parametrize("state", ["starting", "recording", "stopping"])
async def test_only_those_that_have_ended(catalog: Catalog, tmp_path: Path, state: str) -> None:
    path = await add(catalog, tmp_path, "a", 100, state=state)
    assert await Retention(Rule(DAY, 1), catalog).round(NOON) == []
    assert path.exists()


async def test_what_is_not_as_we_made_it_stays(catalog: Catalog, tmp_path: Path) -> None:
    changed, moved, linked = [await add(catalog, tmp_path, name, 100) for name in "abc"]
    changed.write_bytes(b"cut by its owner")
    elsewhere = moved.rename(tmp_path / "kept.mp4")
    target = linked.rename(tmp_path / "target.mp4")
    linked.symlink_to(target)
    folder = await add(catalog, tmp_path, "d", 100)
    folder.unlink()
    folder.mkdir()
    assert await Retention(Rule(DAY, 1), catalog).round(NOON) == []
    assert all(path.exists() for path in (changed, elsewhere, linked, target, folder))
    assert (await catalog.history(limit=9, offset=0))[1] == 4


async def test_segments_of_an_incomplete_file_go_with_it(catalog: Catalog, tmp_path: Path) -> None:
    works = [tmp_path / name for name in (".a.mp4.haven", "mine")]
    for name, work in zip("ab", works, strict=True):
        work.mkdir()
        await add(catalog, tmp_path, name, 100, work_directory=str(work))
    assert sorted(await Retention(Rule(DAY), catalog).round(NOON)) == ["a", "b"]
    assert [work.exists() for work in works] == [False, True]


async def test_segments_of_failed_ones_are_counted_and_go_like_files(
    catalog: Catalog, tmp_path: Path
) -> None:
    works = [tmp_path / f".{name}.mp4.haven" for name in "abc"]
    for days, work in enumerate(works, 1):
        work.mkdir()
        for name in ("0001.mp4", "0001.log.1", "joined1.mp4.log", "worker.log"):
            (work / name).write_bytes(b"x" * 25)
        at = {"state": "failed", "ended_at": NOON - days * DAY, "work_directory": str(work)}
        await catalog.create(recording(work.name, stream_id=work.name, **at))
    (works[1] / "mine.mp4").write_text("put in by its owner")
    (works[2] / "worker.log").unlink()
    (works[2] / "worker.log").symlink_to(tmp_path)
    assert await Retention(Rule(size_bytes=100), catalog).round(NOON) == []
    await add(catalog, tmp_path, "new", 0.5)
    assert await Retention(Rule(size_bytes=100), catalog).round(NOON) == [works[0].name]
    assert [work.exists() for work in works] == [False, True, True]
    assert tmp_path.exists()


async def test_all_parts_or_none(catalog: Catalog, tmp_path: Path) -> None:
    first = await add(catalog, tmp_path, "a", 100)
    second = tmp_path / "a-2.mp4"
    second.write_bytes(b"yy")
    part = {"recording_id": "a", "number": 2, "path": str(second), "offset_s": 1.0}
    await catalog.put_file(File(**part, duration_s=1.0, size_bytes=3, made_at=NOON))
    assert await Retention(Rule(DAY), catalog).round(NOON) == []
    second.write_bytes(b"yyy")
    assert await Retention(Rule(DAY), catalog).round(NOON) == ["a"]
    assert not first.exists()
    assert not second.exists()


def test_off_by_default() -> None:
    assert not Rule.of(Settings()).is_on
    assert Rule.of(Settings(retention_days=0.5)) == Rule(age=DAY / 2)
    assert Rule.of(Settings(retention_bytes=7)) == Rule(size_bytes=7)


@pytest.mark.parametrize(
    ("state", "deleted"), [("queued", []), ("paused", []), ("completed", ["a"])]
)
async def test_one_that_is_encoded_again_stays_and_then_goes_with_the_new_file(
    state: str, deleted: list[str], catalog: Catalog, tmp_path: Path
) -> None:
    path = await add(catalog, tmp_path, "a", 100)
    made = tmp_path / "a.av1"
    made.write_bytes(b"y" * 50)
    file = {"output": str(made), "output_bytes": 50, "replaced": False}
    encode = new_encode("a", EncodeOptions())
    encode.state, encode.result = state, {"1": file}
    await Encodes(catalog).add(encode)
    assert await Retention(Rule(size_bytes=149), catalog).round(NOON) == deleted
    assert [path.exists(), made.exists()] == [not deleted] * 2
