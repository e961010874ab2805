"""Slots of uploads: a target that hangs, or that fails, leaves room for others."""

from __future__ import annotations

from pathlib import Path

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.table import UploadedFiles
from orchestrator.uploads.process.slots import AT_ONCE, FAILED_LAST, OF_ONE_TARGET, Slots
from tests.kit.catalog.rows import NOON
from tests.kit.uploads.rows import put_recorded, put_upload


async def rows(catalog: Catalog, path: Path, number: int, bucket: str) -> list[OutputRow]:
    if not path.exists():
        await put_recorded(catalog, path)
    return [await put_upload(catalog, bucket.format(n)) for n in range(number)]


async def test_one_target_never_has_all(catalog: Catalog, tmp_path: Path) -> None:
    slots, path = Slots(catalog), tmp_path / "talk.mp4"
    same = await rows(catalog, path, OF_ONE_TARGET + 1, "s3://same/x")
    assert [await slots.take(row) for row in same] == [True] * OF_ONE_TARGET + [False]
    others = await rows(catalog, path, AT_ONCE - OF_ONE_TARGET + 1, "s3://other-{}/x")
    taken = [await slots.take(row) for row in others]
    assert taken == [True] * (AT_ONCE - OF_ONE_TARGET) + [False]
    slots.free(others[0].id)
    assert not await slots.take(same[-1])
    assert await slots.take(others[-1])


async def test_those_that_failed_last_never_have_all(catalog: Catalog, tmp_path: Path) -> None:
    slots, path = Slots(catalog), tmp_path / "talk.mp4"
    failed = await rows(catalog, path, FAILED_LAST + 1, "s3://failed-{}/x")
    for row in failed:
        row.state = "retrying"
    assert [await slots.take(row) for row in failed] == [True] * FAILED_LAST + [False]
    (fresh,) = await rows(catalog, path, 1, "s3://fresh/x")
    assert await slots.take(fresh)


async def test_one_that_cant_be_read_gets_one_to_fail_in(catalog: Catalog, tmp_path: Path) -> None:
    (row,) = await rows(catalog, tmp_path / "talk.mp4", 1, "s3://bucket/x")
    row.spec = "nothing that can be read"
    assert await Slots(catalog).take(row)


async def test_those_that_failed_last_come_last(catalog: Catalog, tmp_path: Path) -> None:
    failed, fresh = await rows(catalog, tmp_path / "talk.mp4", 2, "s3://bucket-{}/x")
    await Outputs(catalog).change(failed.id, state="retrying", next_try_at=NOON)
    due = await UploadedFiles(catalog).due(NOON, limit=1)
    assert [row.id for row in due] == [fresh.id]
