"""What can't be ended at a target is kept, and ended later."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.outputs.specs import UploadOutput
from orchestrator.recordings.encryption.sealed_text import output_of
from orchestrator.uploads.left_open import LeftOpen
from orchestrator.uploads.objects import ONE_REQUEST
from orchestrator.uploads.output_state import UploadState
from tests.kit.uploads.answering import answering
from tests.kit.uploads.rows import put_recorded, put_upload, uploaded

NONE = b"<ListMultipartUploadsResult></ListMultipartUploadsResult>"
KEYS = {"access_key_id": "a", "secret_access_key": "b", "region": "x", "allow_http": "true"}


@pytest.mark.parametrize(("status", "body", "left"), [(200, NONE, 0), (503, b"", 1)])
async def test_it_is_kept_with_its_id_until_it_is_ended(
    catalog: Catalog, tmp_path: Path, status: int, body: bytes, left: int
) -> None:
    await put_recorded(catalog, path := tmp_path / "talk.mp4")
    async with answering(status, body) as server:
        options = KEYS | {"endpoint": server.address}
        row = await put_upload(catalog, "s3://bucket/x", options=options)
        spec = await output_of(catalog, row)
        assert isinstance(spec, UploadOutput)
        state = UploadState(catalog, row)
        file = uploaded(row, path, open_id="id-1", size_bytes=ONE_REQUEST + 1, verified=None)
        left_open = LeftOpen(state, spec)
        assert await left_open.end(file) is (left == 0)
        kept = state.figures.get("left_open", [])
        named = [(one["open_id"], one["location"]) for one in kept]
        assert named == [("id-1", file.location)] * left
        await left_open.end_kept()
        assert len(state.figures.get("left_open", [])) == left
    deleted = [head for head in server.heads if head.startswith("delete")]
    assert bool(deleted) is (left == 0)
    assert all("uploadid=id-1" in head for head in deleted)
