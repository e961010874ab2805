"""Rows of uploads in a catalog, with files on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.catalog.models import File
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.outputs.specs import UploadOutput
from orchestrator.server.outputs.rows import output_rows
from orchestrator.settings import Settings
from tests.kit.catalog.rows import NOON, recording

ID = "r1"
DATA = b"frames" * 1000


async def put_recorded(catalog: Catalog, path: Path) -> None:
    """A completed recording with this final file; no thumbnail can be made of it."""
    path.write_bytes(DATA)
    await catalog.create(recording(ID, state="completed", ended_at=NOON, output_path=str(path)))
    await catalog.put_file(file_of(path))


def file_of(path: Path, size: int = len(DATA)) -> File:
    """The row of the recording's file."""
    where = {"recording_id": ID, "number": 1, "path": str(path), "offset_s": 0.0}
    return File(**where, duration_s=1.0, size_bytes=size, made_at=NOON)


async def put_upload(
    catalog: Catalog, url: str, *, trusted: bool = True, of: str = ID, **given: Any
) -> OutputRow:
    """An upload of it, or of another recording."""
    output = UploadOutput.model_validate({"type": "upload", "url": url, **given})
    (row,) = await output_rows(catalog, Settings(), [output], NOON)
    row.recording_id, row.trusted = of, trusted
    await Outputs(catalog).add(row)
    return await Outputs(catalog).get(of, row.id)


async def row_of(catalog: Catalog, row: OutputRow) -> OutputRow:
    """As it is now."""
    return await Outputs(catalog).get(row.recording_id, row.id)


def uploaded(row: OutputRow, path: Path, **columns: Any) -> UploadedFile:
    """A file of it that has arrived."""
    values: dict[str, Any] = {
        "name": path.name,
        "part": 1,
        "path": str(path),
        "key": f"r1/{path.name}",
        "fallback": False,
        "location": f"s3://bucket/r1/{path.name}",
        "content_type": "video/mp4",
        "size_bytes": len(DATA),
        "sha256": "0" * 64,
        "verified": "etag",
        "uploaded_at": NOON,
    }
    return UploadedFile(output_id=row.id, **(values | columns))
