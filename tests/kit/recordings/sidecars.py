"""Recordings with sidecars in their work folders, and their files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.catalog.models import File, Recording
from orchestrator.catalog.sidecars.model import SidecarFile
from orchestrator.catalog.sidecars.table import SidecarFiles
from orchestrator.catalog.store import Catalog
from orchestrator.recordings.sidecars.files import Sidecars
from orchestrator.recordings.sidecars.names import SidecarKind, image_ending
from tests.kit.catalog.rows import NOON, recording

VTT = "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\ntalk.sprite.jpg#xywh=0,0,160,90\n"


@dataclass
class WithSidecars:
    """A recording in a folder, `talk.mp4`, and what is written beside it."""

    catalog: Catalog
    folder: Path
    columns: dict[str, Any] = field(default_factory=dict)
    row: Recording = field(init=False)

    def __post_init__(self) -> None:
        work = self.folder / ".talk.mp4.haven"
        work.mkdir(mode=0o700, exist_ok=True, parents=True)
        places = {"output_path": str(self.output), "work_directory": str(work)}
        self.row = recording("r1", **(places | self.columns))

    @property
    def output(self) -> Path:
        """The recording's file."""
        return self.folder / "talk.mp4"

    @property
    def work(self) -> Path:
        return Path(self.row.work_directory)

    @property
    def sidecars(self) -> Sidecars:
        return Sidecars(self.catalog, self.row, "private")

    async def create(self, **file: Any) -> WithSidecars:
        """Its row, with a whole file unless `file` says otherwise."""
        await self.catalog.create(self.row)
        if self.row.state == "completed":
            self.output.write_bytes(b"x" * 100)
            values = {"recording_id": "r1", "number": 1, "path": str(self.output), "offset_s": 0.0}
            values |= {"size_bytes": 100, "integrity": "whole", "made_at": NOON, "duration_s": 1.0}
            await self.catalog.put_file(File(**(values | file)))
        return self

    async def write(self) -> None:
        """An image, a sprite with WebVTT, and data, in the work folder."""
        await self.sidecars.write(
            SidecarKind.IMAGE, b"image", file_ending=image_ending(10.03, "jpg"), at_s=10.03
        )
        await self.sidecars.write(SidecarKind.SPRITE, b"sprite")
        await self.sidecars.write(SidecarKind.SPRITE_VTT, VTT.encode())
        path = await self.sidecars.begin(SidecarKind.DATA)
        path.write_text('{"kind": "chat"}\n')

    async def rows(self) -> dict[str, SidecarFile]:
        """By name."""
        return {row.name: row for row in await SidecarFiles(self.catalog).of_recording("r1")}
