"""Where files of recordings lie besides here, and addresses to play them at."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.catalog.uploads.table import UploadedFiles
from orchestrator.errors import HavenError, UploadedFileNotFound
from orchestrator.outputs.specs import UploadOutput
from orchestrator.recordings.encryption.sealed_text import output_of

log = structlog.get_logger(__name__)

VALID: Final = timedelta(hours=6)
"""How long an address with a signature may be used: a player asks for ranges of it all the time."""


class RecordingUploads:
    """What has arrived at targets."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog, self._files = catalog, UploadedFiles(catalog)

    async def of_recording(self, recording_id: str) -> list[UploadedFile]:
        """All that has arrived, newest first; RecordingNotFound."""
        await self._catalog.get(recording_id)
        return await self._files.of_recording(recording_id)

    async def place(self, recording_id: str, name: str) -> str | Path:
        """Where a file can be read: an address with a signature, or its path in a folder.

        RecordingNotFound, UploadedFileNotFound, UploadError if there can be no such address.
        """
        for file in await self.of_recording(recording_id):
            if file.name == name:
                return await self._place(recording_id, file)
        raise UploadedFileNotFound(recording_id, name)

    async def place_of_part(self, recording_id: str, part: int) -> str | Path | None:
        """The same of a final file by its number; None if it isn't anywhere else."""
        for file in await self.of_recording(recording_id):
            if file.part != part:
                continue
            try:
                return await self._place(recording_id, file)
            except HavenError as error:
                log.warning("no address of an uploaded file", at=file.location, error=error.error)
        return None

    async def is_removed(self, recording_id: str, part: int) -> bool:
        """Whether an upload deleted the final file here."""
        files = await self.of_recording(recording_id)
        return any(one.part == part and one.removed_at is not None for one in files)

    async def _place(self, recording_id: str, file: UploadedFile) -> str | Path:
        from orchestrator.uploads.rows import reachable_target  # noqa: PLC0415 - 16 MB, on demand

        row = await Outputs(self._catalog).get(recording_id, file.output_id)
        spec = await output_of(self._catalog, row)
        assert isinstance(spec, UploadOutput)
        target = await reachable_target(spec, fallback=file.fallback, trusted=row.trusted)
        if target.folder is not None:
            return target.folder / file.key
        return await target.signed("GET", file.key, VALID)
