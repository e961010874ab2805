"""Uploads that follow a recording: due from its beginning, beside the slots of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.table import UploadedFiles
from orchestrator.uploads.process import slots as slots_module
from orchestrator.uploads.process.slots import OF_ONE_TARGET, Slots
from tests.kit.catalog.rows import NOON
from tests.kit.recordings.hls import ID, begin
from tests.kit.uploads.rows import put_upload


async def test_only_those_with_pieces_are_due_while_a_recording_has_no_file(
    catalog: Catalog, tmp_path: Path
) -> None:
    await begin(catalog, tmp_path)
    await put_upload(catalog, "s3://bucket/x", of=ID)
    live = await put_upload(catalog, "s3://bucket/x", of=ID, hls=True)
    due = await UploadedFiles(catalog).due(NOON)
    assert [row.id for row in due] == [live.id]


async def test_they_leave_the_slots_to_files_until_the_recording_has_ended(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots_module, "LIVE", OF_ONE_TARGET + 1)
    await begin(catalog, tmp_path)
    live = [
        await put_upload(catalog, "s3://bucket/x", of=ID, hls=True)
        for _ in range(OF_ONE_TARGET + 2)
    ]
    slots = Slots(catalog)
    assert [await slots.take(row) for row in live] == [True] * (OF_ONE_TARGET + 1) + [False]
    slots.free(live[0].id)
    assert await slots.take(live[-1])
    files = [await put_upload(catalog, "s3://bucket/x", of=ID) for _ in range(OF_ONE_TARGET + 1)]
    assert [await slots.take(row) for row in files] == [True] * OF_ONE_TARGET + [False]
    await catalog.update(ID, state="completed")
    assert not await slots.take(live[0])
