"""The catalog's segments and final files of each recording."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from orchestrator.catalog.connection import CatalogConnection
from orchestrator.catalog.live_figures import put_segment
from orchestrator.catalog.models import HAS_NO_CHECKSUM, File, Recording, Segment
from orchestrator.catalog.statements import check_columns, is_active
from orchestrator.errors import RecordingNotFound


class FileTables(CatalogConnection):
    """The tables of segments (one run of ffmpeg each) and of final files (one for each part)."""

    async def add_segment(self, segment: Segment) -> None:
        """Adds a segment to its recording, or replaces the one with its number."""
        await self._write(
            lambda session: put_segment(session.connection(), segment), about=segment.recording_id
        )

    async def update_segment(self, recording_id: str, number: int, /, **columns: Any) -> None:
        """Sets columns of a segment; RecordingNotFound if it doesn't exist."""
        check_columns(Segment, columns, fixed=("recording_id", "number"))
        this = (Segment.recording_id == recording_id, Segment.number == number)
        if not await self._change(
            update(Segment).where(*this).values(**columns), about=recording_id
        ):
            raise RecordingNotFound(recording_id)

    async def segments(self, recording_id: str) -> list[Segment]:
        """All segments of a recording, in order."""
        query = select(Segment).where(Segment.recording_id == recording_id).order_by(Segment.number)
        return await self._read(lambda session: list(session.scalars(query)))

    async def put_file(self, file: File) -> None:
        """Adds a final file, or replaces the one with its number."""
        await self._write(lambda session: session.merge(file), about=file.recording_id)

    async def files(self, recording_id: str) -> list[File]:
        """The final files of a recording, in order."""
        query = select(File).where(File.recording_id == recording_id).order_by(File.number)
        return await self._read(lambda session: list(session.scalars(query)))

    async def files_without_checksum(self, limit: int) -> list[File]:
        """Verified files of ended recordings, without a SHA-256 so far."""
        is_running = (
            select(Recording.id).where(Recording.id == File.recording_id, is_active()).exists()
        )
        query = select(File).where(HAS_NO_CHECKSUM, ~is_running).order_by(File.made_at).limit(limit)
        return await self._read(lambda session: list(session.scalars(query)))

    async def set_checksum(self, file: File, sha256: str) -> bool:
        """Stores its SHA-256; False if the catalog has no such file, or another in its place."""
        this = (
            File.recording_id == file.recording_id,
            File.number == file.number,
            File.path == file.path,
        )
        change = update(File).where(*this).values(sha256=sha256)
        return bool(await self._change(change, about=file.recording_id))
