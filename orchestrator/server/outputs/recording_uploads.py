"""Where files of recordings lie besides here, and addresses to play them at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.catalog.uploads.pieces import UploadedPieces
from orchestrator.catalog.uploads.table import UPLOAD, UploadedFiles
from orchestrator.errors import HavenError, UploadedFileNotFound
from orchestrator.outputs.specs import UploadOutput
from orchestrator.recordings.encryption.sealed_text import output_of

if TYPE_CHECKING:
    from orchestrator.uploads.targets import Target

log = structlog.get_logger(__name__)

_PLAYLISTS: Final = ("hls/master.m3u8", "hls/video.m3u8")
MOST_BYTES: Final = 16 * 2**20
"""Of a playlist; that of a day has 3 MB."""
VALID: Final = timedelta(hours=6)
"""How long an address with a signature may be used: a player asks for ranges of it all the time."""


class RecordingUploads:
    """What has arrived at targets."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog, self._files = catalog, UploadedFiles(catalog)
        self._pieces = UploadedPieces(catalog)

    async def of_recording(self, recording_id: str) -> list[UploadedFile]:
        """All that has arrived, newest first; RecordingNotFound."""
        await self._catalog.get(recording_id)
        return await self._files.of_recording(recording_id)

    async def place(self, recording_id: str, name: str) -> str | Path:
        """Where a file can be read: an address with a signature, or its path in a folder.

        RecordingNotFound, UploadedFileNotFound, UploadError if there can be no such address.
        """
        return await self._place(recording_id, await self._there(recording_id, name))

    async def playlist(self, recording_id: str, name: str) -> bytes:
        """The text of a playlist of HLS, also of one that grows; what `place` raises."""
        there = await self._there(recording_id, name)
        target = await self._target(recording_id, there)
        return await self._read(target, there.key)

    async def place_of_part(self, recording_id: str, part: int) -> str | Path | None:
        """The same of a final file by its number; None if it isn't anywhere else."""
        for file in await self.of_recording(recording_id):
            if file.part != part:
                continue
            try:
                return await self._place(recording_id, _There.of(file))
            except HavenError as error:
                log.warning("no address of an uploaded file", at=file.location, error=error.error)
        return None

    async def is_removed(self, recording_id: str, part: int) -> bool:
        """Whether an upload deleted the final file here."""
        files = await self.of_recording(recording_id)
        return any(one.part == part and one.removed_at is not None for one in files)

    async def _there(self, recording_id: str, name: str) -> _There:
        for file in await self.of_recording(recording_id):
            if file.name == name:
                return _There.of(file)
        if (found := await self._piece(recording_id, name)) is not None:
            return found
        raise UploadedFileNotFound(recording_id, name)

    async def _piece(self, recording_id: str, name: str) -> _There | None:
        """A piece for HLS, or a playlist that isn't the last one yet."""
        from orchestrator.uploads.contents import HLS, folder_of  # noqa: PLC0415 - on demand

        kind, _, below = name.partition("/")
        if kind != HLS:
            return None
        key = f"{folder_of(await self._catalog.get(recording_id))}/{name}"
        for row in reversed(await Outputs(self._catalog).of_recording(recording_id)):
            if row.kind != UPLOAD or "playlist" not in row.figures:
                continue
            if name in _PLAYLISTS:
                return _There(row.id, bool(row.figures.get("fallback_used")), key)
            if (piece := await self._pieces.get(row.id, below)) is not None:
                return _There(row.id, piece.fallback, key)
        return None

    async def _place(self, recording_id: str, there: _There) -> str | Path:
        target = await self._target(recording_id, there)
        if target.folder is not None:
            return target.folder / there.key
        return await target.signed("GET", there.key, VALID)

    async def _target(self, recording_id: str, there: _There) -> Target:
        from orchestrator.uploads.rows import reachable_target  # noqa: PLC0415 - 16 MB, on demand

        row = await Outputs(self._catalog).get(recording_id, there.output_id)
        spec = await output_of(self._catalog, row)
        assert isinstance(spec, UploadOutput)
        return await reachable_target(spec, fallback=there.fallback, trusted=row.trusted)

    async def _read(self, target: Target, key: str) -> bytes:
        from orchestrator.uploads.objects import read_object  # noqa: PLC0415 - 16 MB, on demand

        return await read_object(target, key, MOST_BYTES)


@dataclass(frozen=True, slots=True)
class _There:
    """Something at a target."""

    output_id: str
    fallback: bool
    key: str

    @classmethod
    def of(cls, file: UploadedFile) -> _There:
        return cls(file.output_id, file.fallback, file.key)
