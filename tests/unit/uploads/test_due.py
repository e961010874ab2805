"""Which uploads have something to do now."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.table import UploadedFiles
from orchestrator.uploads.retries import LONGEST_S
from tests.kit.catalog.rows import NOON
from tests.kit.uploads.rows import put_recorded, put_upload


@pytest.mark.parametrize(
    ("ahead_s", "is_due"), [(None, True), (0, True), (1, False), (LONGEST_S, False), (3600, True)]
)
async def test_a_try_that_is_further_ahead_than_any_was_set_by_a_wrong_clock(
    catalog: Catalog, tmp_path: Path, ahead_s: float | None, is_due: bool
) -> None:
    await put_recorded(catalog, tmp_path / "talk.mp4")
    row = await put_upload(catalog, tmp_path.as_uri())
    if ahead_s is not None:
        await Outputs(catalog).change(row.id, next_try_at=NOON + timedelta(seconds=ahead_s))
    assert bool(await UploadedFiles(catalog).due(NOON)) == is_due
