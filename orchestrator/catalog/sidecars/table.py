"""The files beside recordings' own, as the catalog has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Delete, delete, func, select, update
from sqlalchemy.orm import Session

from orchestrator.catalog.models import Recording
from orchestrator.catalog.sidecars.model import SidecarFile
from orchestrator.catalog.statements import changed, is_active
from orchestrator.catalog.store import Catalog
from orchestrator.errors import SidecarNotFound

_T = TypeVar("_T")

MOST_AT_ONCE: Final = 200
"""Files in one transaction: the catalog has other writers."""


class SidecarFiles:
    """The table of sidecar files. Every method is one short transaction, or several."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def put(self, *files: SidecarFile) -> None:
        """Adds files, or says anew where they lie and what they have."""

        def put(session: Session) -> None:
            for file in files:
                session.merge(file)

        await self._catalog.transactions.write(put)

    async def of_recording(self, recording_id: str, kind: str | None = None) -> list[SidecarFile]:
        """Those of a recording, of one kind if it is given, by name."""
        query = select(SidecarFile).where(SidecarFile.recording_id == recording_id)
        if kind is not None:
            query = query.where(SidecarFile.kind == kind)
        query = query.order_by(SidecarFile.name)
        return await self._read(lambda session: list(session.scalars(query)))

    async def page(
        self, recording_id: str, *, kind: str | None, limit: int, offset: int
    ) -> tuple[list[SidecarFile], int]:
        """Some of them by name, and how many there are in all."""
        these = [SidecarFile.recording_id == recording_id]
        these += [] if kind is None else [SidecarFile.kind == kind]
        query = select(SidecarFile).where(*these).order_by(SidecarFile.name)
        total = select(func.count()).select_from(SidecarFile).where(*these)

        def page(session: Session) -> tuple[list[SidecarFile], int]:
            rows = list(session.scalars(query.limit(limit).offset(offset)))
            return rows, session.scalar(total) or 0

        return await self._read(page)

    async def get(self, recording_id: str, name: str) -> SidecarFile:
        """One by its name, or SidecarNotFound."""
        row = await self._read(lambda session: session.get(SidecarFile, (recording_id, name)))
        if row is None:
            raise SidecarNotFound(recording_id, name)
        return row

    async def remove(self, recording_id: str, name: str) -> bool:
        """Forgets one; False if there is none."""
        gone = _named(recording_id, name)
        return bool(await self._catalog.transactions.write(lambda s: changed(s, gone)))

    async def move(self, recording_id: str, moved: Mapping[str, SidecarFile]) -> None:
        """Says what became of files, by the names they had; some in each transaction."""
        left = iter(moved.items())
        while batch := list(islice(left, MOST_AT_ONCE)):
            await self._catalog.transactions.write(partial(_move, recording_id, batch))

    async def forget_below(self, recording_id: str, folder: Path) -> None:
        """Forgets those of a recording that lie in a folder, which is removed."""
        below = f"{folder}/"
        gone = delete(SidecarFile).where(
            SidecarFile.recording_id == recording_id,
            func.substr(SidecarFile.path, 1, len(below)) == below,
        )
        await self._catalog.transactions.write(lambda session: changed(session, gone))

    async def without_checksum(self, limit: int) -> list[SidecarFile]:
        """Files without one, of recordings that have ended, oldest first."""
        query = (
            select(SidecarFile)
            .join(Recording)
            .where(SidecarFile.sha256.is_(None), ~is_active())
            .order_by(SidecarFile.made_at)
            .limit(limit)
        )
        return await self._read(lambda session: list(session.scalars(query)))

    async def set_checksum(self, file: SidecarFile, sha256: str) -> bool:
        """False if there is no such file any more."""
        change = (
            update(SidecarFile)
            .where(
                SidecarFile.recording_id == file.recording_id,
                SidecarFile.name == file.name,
                SidecarFile.path == file.path,
            )
            .values(sha256=sha256)
        )
        return bool(await self._catalog.transactions.write(lambda s: changed(s, change)))

    async def _read(self, work: Callable[[Session], _T]) -> _T:
        return await self._catalog.transactions.read(work)


def _move(recording_id: str, moved: Sequence[tuple[str, SidecarFile]], session: Session) -> None:
    for name, file in moved:
        if name != file.name:
            session.execute(_named(recording_id, name))
        session.merge(file)


def _named(recording_id: str, name: str) -> Delete:
    return delete(SidecarFile).where(
        SidecarFile.recording_id == recording_id, SidecarFile.name == name
    )
