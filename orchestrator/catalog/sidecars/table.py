"""The files beside recordings' own, as the catalog has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from orchestrator.catalog.sidecars.model import SidecarFile
from orchestrator.catalog.statements import changed
from orchestrator.catalog.store import Catalog
from orchestrator.errors import SidecarNotFound

_T = TypeVar("_T")


class SidecarFiles:
    """The table of sidecar files. Every method is one short transaction."""

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

    async def get(self, recording_id: str, name: str) -> SidecarFile:
        """One by its name, or SidecarNotFound."""
        row = await self._read(lambda session: session.get(SidecarFile, (recording_id, name)))
        if row is None:
            raise SidecarNotFound(recording_id, name)
        return row

    async def remove(self, recording_id: str, name: str) -> bool:
        """Forgets one; False if there is none."""
        gone = delete(SidecarFile).where(
            SidecarFile.recording_id == recording_id, SidecarFile.name == name
        )
        return bool(await self._catalog.transactions.write(lambda s: changed(s, gone)))

    async def _read(self, work: Callable[[Session], _T]) -> _T:
        return await self._catalog.transactions.read(work)
