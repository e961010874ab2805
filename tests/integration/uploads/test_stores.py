"""Uploads to other object stores than versitygw: S3, Azure and Google by programs of their own."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from orchestrator.catalog.models import File
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.server.outputs.recording_uploads import RecordingUploads
from orchestrator.uploads.upload import Upload
from tests.kit.catalog.rows import NOON
from tests.kit.uploads.rows import DATA, ID, put_recorded, put_upload, row_of
from tests.kit.uploads.stores import STORES, Store, folder

pytestmark = pytest.mark.all_only

LARGE: Final = hashlib.shake_256(b"large").digest(20 * 2**20 + 5)
"""Three parts."""


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if folder(request.param) is None:
        pytest.skip(f"no {request.param}: run scripts/object-store {request.param}")
    (data := tmp_path / "store").mkdir()
    async with STORES[request.param](data) as running:
        yield running


@pytest.fixture
async def paths(catalog: Catalog, tmp_path: Path) -> list[Path]:
    """A recording with a small and a large part, whose names have to be escaped."""
    small, large = tmp_path / "tälk #1.mp4", tmp_path / "tälk #2 50%.mp4"
    await put_recorded(catalog, small)
    await asyncio.to_thread(large.write_bytes, LARGE)
    where = {"recording_id": ID, "number": 2, "path": str(large), "offset_s": 1.0}
    await catalog.put_file(File(**where, duration_s=1.0, size_bytes=len(LARGE), made_at=NOON))
    return [small, large]


async def run(catalog: Catalog, row: OutputRow) -> OutputRow:
    await Upload(catalog, await row_of(catalog, row), "private").run()
    return await row_of(catalog, row)


async def played(catalog: Catalog, name: str) -> bytes:
    """What a player gets, in two requests."""
    address = await RecordingUploads(catalog).place(ID, name)
    assert isinstance(address, str)
    async with httpx.AsyncClient() as player:
        parts = [
            await player.get(address, headers={"Range": f"bytes={part}"})
            for part in ("0-98", "99-")
        ]
    assert [part.status_code for part in parts] == [206, 206]
    return b"".join(part.content for part in parts)


@pytest.mark.parametrize("keep_local", ["always", "until_uploaded"])
async def test_files_arrive_are_checked_and_can_be_played(
    catalog: Catalog, paths: list[Path], store: Store, keep_local: str
) -> None:
    row = await put_upload(catalog, store.url(), options=store.options, keep_local=keep_local)
    done = await run(catalog, row)
    assert (done.state, done.error) == ("complete", None)
    assert [await played(catalog, path.name) for path in paths] == [DATA, LARGE]
    described = json.loads(await played(catalog, "manifest.json"))
    sums = {one["name"]: one["sha256"] for one in described["files"]}
    assert [sums[path.name] for path in paths] == [
        hashlib.sha256(data).hexdigest() for data in (DATA, LARGE)
    ]
    print(keep_local, done.figures["verified"])
    assert [path.exists() for path in paths] == [keep_local == "always"] * 2
    assert await store.unfinished() == 0


async def begun(catalog: Catalog, store: Store) -> OutputRow:
    """An upload whose large file is cut off while it is sent."""
    row = await put_upload(catalog, store.url(), options=store.options, bandwidth_bps=80_000_000)
    cut = asyncio.create_task(run(catalog, row))
    async with asyncio.timeout(20):
        while (await row_of(catalog, row)).figures.get("bytes_uploaded", 0) < 4 * 2**20:
            assert not cut.done()
            await asyncio.sleep(0.02)
    cut.cancel()
    await asyncio.gather(cut, return_exceptions=True)
    return row


async def test_one_that_is_cut_off_is_completed_by_the_next(
    catalog: Catalog, paths: list[Path], store: Store
) -> None:
    row = await begun(catalog, store)
    done = await run(catalog, row)
    assert (done.state, done.error) == ("complete", None)
    assert await played(catalog, paths[1].name) == LARGE
    assert await store.unfinished() == 0


@pytest.mark.usefixtures("paths")
async def test_one_that_is_removed_is_ended_there(catalog: Catalog, store: Store) -> None:
    row = await begun(catalog, store)
    before = await store.unfinished()
    await Outputs(catalog).change(row.id, wanted="remove")
    assert (await run(catalog, row)).state == "removed"
    left = await store.unfinished()
    assert (before, left) == {"s3": (1, 0), "az": (1, 1), "gs": (0, 0)}[store.scheme]


@pytest.mark.usefixtures("paths")
async def test_wrong_keys_are_told(catalog: Catalog, store: Store) -> None:
    if store.scheme != "az":
        pytest.skip("it takes any keys")
    wrong = {"account_key": "bm9ib2R5"}
    row = await put_upload(catalog, store.url(), options=store.options | wrong)
    failed = await run(catalog, row)
    assert (failed.state, failed.error_code) == ("failed", "upload_denied")


async def test_a_missing_bucket_is_told(catalog: Catalog, paths: list[Path], store: Store) -> None:
    row = await put_upload(catalog, store.url("missing"), options=store.options)
    failed = await run(catalog, row)
    assert (failed.state, failed.error_code) == ("failed", "bucket_missing")
