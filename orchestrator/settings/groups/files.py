"""Settings of files: where recordings go, their limits, and who may read them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import BaseModel, Field

from orchestrator.settings.value_types import APP, Folder, Listed, temporary


class FileSettings(BaseModel):
    """Recordings on disk, and the catalog."""

    output_directory: Folder = Field(
        Path("~/.haven-player/recordings"),
        description="Folder for recordings, unless set-output-directory has chosen another.",
    )
    allowed_output_roots: Annotated[list[Folder], Listed] = Field(
        [Path("~"), temporary()],
        description="Folders below which output directories may lie, besides output_directory.",
    )
    database_url: str = Field(
        f"sqlite:///{user_data_path(APP) / 'catalog.db'}",
        pattern=r"^[a-z0-9+]+://",
        description="SQLAlchemy URL of the catalog.",
    )
    disk_reserve_bytes: int = Field(
        512 * 2**20,
        ge=0,
        description="Free disk space to keep: below it no recording starts, and running ones are "
        "finished.",
    )
    max_duration_s: float | None = Field(
        None, ge=0, description="Longest recording, in seconds; empty or 0: no limit."
    )
    max_size_bytes: int | None = Field(
        None, ge=0, description="Largest recording, in bytes; empty or 0: no limit."
    )
    max_recordings: int | None = Field(
        None, ge=0, description="Most recordings at the same time; empty or 0: no limit."
    )
    retention_days: float | None = Field(
        None, gt=0, description="Delete recordings older than this many days; empty: never."
    )
    retention_bytes: int | None = Field(
        None,
        gt=0,
        description="Delete the oldest recordings when all of them exceed this size; empty: never.",
    )
    file_access: Literal["private", "group"] = Field(
        "private",
        description="Who may read new recordings, their folders and the catalog: private (this "
        "user only) or group (its group too).",
    )
    av1_extension: Literal["av1", "mp4"] = Field(
        "av1", description="File name extension of AV1 recordings; the file is MP4 either way."
    )
    fast_start: Literal["auto", "always", "never"] = Field(
        "auto",
        description="When to move an MP4's index to its beginning, as players without range "
        "requests need it: auto (where the file system can insert it: ext4, XFS), always "
        "(elsewhere by copying), never.",
    )
