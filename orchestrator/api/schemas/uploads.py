"""Wire types of files at upload targets."""

from __future__ import annotations

from typing import Literal

from orchestrator.api.schemas.common import Moment, Wire, example, example_of
from orchestrator.api.schemas.outputs import OUTPUT_ID

UPLOADED = "Example_Coin_V5cCiSix_20241201_143022.mp4"
"""The uploaded file of every example."""


class UploadedFileInfo(Wire):
    """A file of a recording that is at an upload target."""

    name: str
    """Its path below the recording's folder there, and in
    GET /api/recordings/{id}/uploads/{name}."""
    output_id: str
    part: int | None
    """Of a final file: its number; null of what goes with it."""
    location: str
    """Its address there, without keys."""
    fallback: bool
    """Whether it is at the second target."""
    content_type: str
    size_bytes: int
    sha256: str
    verified: Literal["size", "etag", "sha256"]
    """How it was checked there: by its MD5 as the target computed it (etag), read back (sha256), or
    by its size."""
    uploaded_at: Moment
    removed_at: Moment | None
    """When the file here was deleted, as keep_local asked for; null: it wasn't."""

    model_config = example(
        {
            "name": UPLOADED,
            "output_id": OUTPUT_ID,
            "part": 1,
            "location": f"s3://bucket/prefix/Example_Coin-2f1c0a94/{UPLOADED}",
            "fallback": False,
            "content_type": "video/mp4",
            "size_bytes": 48211733,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "verified": "etag",
            "uploaded_at": "2024-12-01T15:02:10.100+00:00",
            "removed_at": None,
        }
    )


class UploadedFileList(Wire):
    """Files of a recording that are at upload targets, newest first."""

    success: Literal[True] = True
    files: list[UploadedFileInfo]

    model_config = example({"success": True, "files": [example_of(UploadedFileInfo)]})
