"""Deletes the final files here once they are at the target and nobody needs them here."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from orchestrator.catalog.encodes import Encodes
from orchestrator.catalog.models import File
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.catalog.uploads.table import UPLOAD, UploadedFiles
from orchestrator.errors import UploadError
from orchestrator.recordings.output_states import ENDED
from orchestrator.recordings.states import RecordingState
from orchestrator.uploads.contents import MANIFEST
from orchestrator.uploads.local_files import unlink_if_same


class Removal:
    """Of the files of one recording, for one upload."""

    def __init__(self, catalog: Catalog, row: OutputRow) -> None:
        self._catalog, self._row = catalog, row
        self._uploaded = UploadedFiles(catalog)

    async def are_needed(self) -> bool:
        """Whether the files are encoded again, or have to be, or go to another target yet."""
        if await is_to_be_encoded(self._catalog, self._row.recording_id):
            return True
        for row in await Outputs(self._catalog).of_recording(self._row.recording_id):
            is_other = row.kind == UPLOAD and row.id != self._row.id and row.state not in ENDED
            if is_other and not await self._has_all(row):
                return True
        return False

    async def remove(self, files: Sequence[UploadedFile]) -> None:
        """Deletes them; UploadError, and none is deleted, if one isn't checked beyond its size."""
        left = [one for one in files if one.removed_at is None]
        for file in left:
            if file.verified not in ("etag", "sha256"):
                raise UploadError(f"{file.location} isn't checked.", "The file here is kept.")
        for file in left:
            if await asyncio.to_thread(unlink_if_same, file):
                at = datetime.now(UTC)
                await self._uploaded.change(self._row.id, file.name, removed_at=at)

    async def _has_all(self, other: OutputRow) -> bool:
        """Whether it has nothing to send any more, and waits as this one does."""
        rows = await self._uploaded.of_output(other.id)
        there = {row.name: row for row in rows if row.verified is not None}
        files = await self._catalog.files(self._row.recording_id)
        return MANIFEST in there and all(_is_there(one, there.values()) for one in files)


def _is_there(file: File, rows: Collection[UploadedFile]) -> bool:
    return any((row.path, row.size_bytes) == (file.path, file.size_bytes) for row in rows)


async def is_to_be_encoded(catalog: Catalog, recording_id: str) -> bool:
    """Whether an encode of the recording hasn't ended yet, or has been asked for at its start."""
    recording = await catalog.get(recording_id)
    asked = recording.encode is not None and recording.encode_id is None
    waits = asked and recording.state == RecordingState.COMPLETED  # others aren't encoded
    return waits or await Encodes(catalog).active_of(recording_id) is not None
