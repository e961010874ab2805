"""A catalog with one recording, and the processes of its encode, run here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from orchestrator.catalog.encode_model import Encode
from orchestrator.catalog.encodes import Encodes
from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.settings import Settings
from orchestrator.transcoding.process.encode import EncodeProcess
from tests.kit.catalog.rows import NOON, recording


class Bench:
    """A catalog with one recording, and the processes of its encode."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self.catalog, self.settings = catalog, settings
        self.table = Encodes(catalog)

    async def put(self, *paths: Path, **options: Any) -> None:
        """The recording's files, and an encode of them."""
        row = recording("r1", state="completed", ended_at=NOON, output_path=str(paths[0]))
        await self.catalog.create(row)
        for number, path in enumerate(paths, 1):
            file = {"recording_id": "r1", "number": number, "path": str(path), "offset_s": 0.0}
            size = path.stat().st_size if path.exists() else 9
            await self.catalog.put_file(File(**file, duration_s=3.0, size_bytes=size, made_at=NOON))
        request = EncodeOptions(**{"pipeline": "mp4", **options}).as_dict()
        await self.table.add(
            Encode(id="e1", recording_id="r1", request=request, created_at=NOON, state="queued")
        )

    async def process(self, **columns: Any) -> EncodeProcess:
        """The next process, not yet running."""
        row = await self.table.get("e1")
        assert await self.table.claim("e1", row.starts, **columns)
        return EncodeProcess(await self.table.get("e1"), self.catalog, self.settings)

    async def run(self, **columns: Any) -> Encode:
        """Runs one to its end."""
        process = await self.process(**columns)
        async with asyncio.timeout(60):
            await process.run()
        return await self.table.get("e1")
