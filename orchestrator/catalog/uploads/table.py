"""Uploaded files, and which outputs have something to upload, as the catalog has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from orchestrator.catalog.models import File, Recording
from orchestrator.catalog.outputs.model import ENDED, OutputRow
from orchestrator.catalog.statements import changed, check_columns, is_active
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.model import UploadedFile

_T = TypeVar("_T")

UPLOAD = "upload"
FURTHEST: Final = timedelta(minutes=6)
"""A try that is further ahead was set by a clock that has been put back since."""


class UploadedFiles:
    """The table of uploaded files. Every method is one short transaction."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def due(self, now: datetime, limit: int = 100) -> list[OutputRow]:
        """Uploads with something to do now, oldest first, and last those whose last try failed.

        That is: one to remove; or one that need not wait, of a recording that has ended or has a
        final file that isn't uploaded, or with pieces for HLS.
        """
        unsent = (
            select(File.number)
            .where(File.recording_id == OutputRow.recording_id)
            .where(
                ~exists().where(
                    UploadedFile.output_id == OutputRow.id,
                    UploadedFile.part == File.number,
                    UploadedFile.verified.is_not(None),
                )
            )
            .exists()
        )
        has_work = or_(~is_active(), unsent, func.json_extract(OutputRow.shown, "$.hls") == 1)
        at = OutputRow.next_try_at
        may_go_on = or_(at.is_(None), at <= now, at > now + FURTHEST)
        query = (
            select(OutputRow)
            .join(Recording, Recording.id == OutputRow.recording_id)
            .where(OutputRow.kind == UPLOAD, OutputRow.state.not_in(ENDED))
            .where(or_(OutputRow.wanted == "remove", has_work & may_go_on))
            .order_by(OutputRow.state == "retrying", OutputRow.created_at, OutputRow.id)
            .limit(limit)
        )
        return await self._read(lambda session: list(session.scalars(query)))

    async def of_output(self, output_id: str) -> list[UploadedFile]:
        """All files of an output, by name."""
        query = (
            select(UploadedFile)
            .where(UploadedFile.output_id == output_id)
            .order_by(UploadedFile.name)
        )
        return await self._read(lambda session: list(session.scalars(query)))

    async def of_recording(self, recording_id: str) -> list[UploadedFile]:
        """Files of a recording that lie at targets, newest first."""
        query = (
            select(UploadedFile)
            .join(OutputRow, OutputRow.id == UploadedFile.output_id)
            .where(OutputRow.recording_id == recording_id, UploadedFile.verified.is_not(None))
            .order_by(UploadedFile.uploaded_at.desc(), UploadedFile.name)
        )
        return await self._read(lambda session: list(session.scalars(query)))

    async def begin(self, file: UploadedFile) -> bool:
        """Adds one, or begins it anew; False if its output is gone."""

        def put(session: Session) -> bool:
            if session.get(OutputRow, file.output_id) is None:
                return False
            session.merge(file)
            return True

        return await self._catalog.transactions.write(put)

    async def change(self, output_id: str, name: str, **columns: Any) -> bool:
        """Sets columns of one; False if there is none."""
        check_columns(UploadedFile, columns, fixed=("output_id", "name"))
        this = (UploadedFile.output_id == output_id, UploadedFile.name == name)
        statement = update(UploadedFile).where(*this).values(**columns)
        return bool(await self._catalog.transactions.write(lambda s: changed(s, statement)))

    async def forget(self, output_id: str, name: str) -> None:
        """Removes the row of one that isn't there."""
        gone = delete(UploadedFile).where(
            UploadedFile.output_id == output_id, UploadedFile.name == name
        )
        await self._catalog.transactions.write(lambda session: changed(session, gone))

    async def _read(self, work: Callable[[Session], _T]) -> _T:
        return await self._catalog.transactions.read(work)
