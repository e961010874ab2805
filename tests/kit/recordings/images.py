"""The output `images` on segments that a test has made."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.outputs.specs import ImagesOutput
from orchestrator.settings import Settings
from orchestrator.worker.outputs.images.output import make_images
from orchestrator.worker.outputs.running_output import RunningOutput
from orchestrator.worker.segments.segment_encoding import SegmentEncoding
from orchestrator.worker.segments.segment_positions import SegmentPosition, write_position
from tests.kit.fakes import REAL
from tests.kit.mediafiles.fragmented import MP4_FLAGS
from tests.kit.recordings.sidecars import WithSidecars


def segment_of_gray(path: Path, levels: list[int], *codecs: str) -> Path:
    """Two seconds of each level of gray (0 to 255), which a frame in the middle keeps; a keyframe
    each second.
    """
    codecs = codecs or ("-c:v", "libx264", "-preset", "ultrafast")
    gray = [f"color=c=0x{3 * f'{level:02x}'}:size=320x180:rate=10:d=2" for level in levels]
    inputs = [word for source in gray for word in ("-f", "lavfi", "-i", source)]
    joined = f"concat=n={len(gray)},format=gray"
    command = [str(REAL), "-v", "error", *inputs, "-filter_complex", joined]
    command += ["-g", "10", "-pix_fmt", "yuv420p", *codecs]
    if path.suffix == ".mp4":
        command += ["-movflags", MP4_FLAGS]
    subprocess.run([*command, "-y", str(path)], check=True, timeout=60)
    return path


@dataclass
class Images:
    """One output of a recording whose work folder has segments."""

    talk: WithSidecars
    spec: ImagesOutput
    reserve_bytes: int = 0
    copies: bool = False
    suffix: str = ".mp4"
    container: str = "mp4"
    files: list[tuple[int, Path]] = field(default_factory=list)
    end_s: float = 0.0
    notes: list[str] = field(default_factory=list)
    is_recording: bool = True
    output: RunningOutput = field(init=False)

    async def prepare(self, number: int = 1) -> Images:
        """Its row, and what its task gets."""
        catalog = self.talk.catalog
        pipeline = SimpleNamespace(
            copies=self.copies, container=self.container, segment_suffix=self.suffix
        )
        encoding: asyncio.Future[SegmentEncoding] = asyncio.get_running_loop().create_future()
        encoding.set_result(SegmentEncoding(cast(Any, pipeline), {}, cast(Any, None), 0, {}))
        settings = Settings(disk_reserve_bytes=self.reserve_bytes)
        context = SimpleNamespace(settings=settings, catalog=catalog, encoding=encoding)
        row = OutputRow(
            id=f"o{number}",
            recording_id="r1",
            number=number,
            kind="images",
            spec="",
            shown={},
            created_at=datetime.now(UTC),
        )
        await Outputs(catalog).add(row)
        self.output = RunningOutput(
            id=row.id,
            spec=self.spec,
            recording=self.talk.row,
            context=cast(Any, context),
            segments=cast(Any, lambda: self if self.is_recording else None),
            note=lambda kind, message, **data: self.notes.append(message),
            table=Outputs(catalog),
        )
        return self

    def add(self, number: int, offset_s: float, levels: list[int], *codecs: str) -> Path:
        """A segment of these grays."""
        path = self.talk.work / f"{number:04d}{self.suffix}"
        write_position(path, SegmentPosition(offset_s, 1))
        segment_of_gray(path, levels, *codecs)
        self.files.append((1, path))
        self.end_s = offset_s + 2 * len(levels)
        return path

    async def row(self) -> OutputRow:
        return await self.output.table.get("r1", self.output.id)

    async def finish(self) -> OutputRow:
        """All of it, as at the end of the recording."""
        self.output.recorded.set()
        await make_images(self.output)
        return await self.row()

    async def images(self) -> dict[float, Path]:
        """By their times."""
        rows = (await self.talk.rows()).values()
        return {row.at_s: Path(row.path) for row in rows if row.at_s is not None}
