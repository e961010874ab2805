"""Outputs as the API asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.server.outputs.recording_outputs import RecordingOutputs
from orchestrator.settings import Settings
from tests.kit.uploads.rows import ID, put_recorded, put_upload


async def test_another_try_has_no_error_of_the_last(catalog: Catalog, tmp_path: Path) -> None:
    await put_recorded(catalog, tmp_path / "talk.mp4")
    row = await put_upload(catalog, "s3://bucket/x")
    error: dict[str, Any] = {
        "error_code": "file_gone",
        "error": "It is gone.",
        "detail": "Put it back.",
    }
    figures = {"tries": 4, "left_open": [{"open_id": "id-1"}]}
    await Outputs(catalog).change(row.id, state="failed", figures=figures, **error)
    encoders = cast(Any, None)  # a retry needs none
    outputs = RecordingOutputs(Settings(), catalog, encoders, lambda _recording: None)
    again = await outputs.retry(ID, row.id)
    assert (again.state, again.ended_at) == ("waiting", None)
    assert (again.error_code, again.error, again.detail) == (None, None, None)
    assert again.figures == {"left_open": [{"open_id": "id-1"}]}
