"""The pauses of recordings, as the catalog has them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.statements import changed
from orchestrator.catalog.store import Catalog


class Pauses:
    """The table of pauses. Every method is one short transaction."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def put(self, pause: Pause) -> None:
        """Adds one, or writes anew what is known of it."""

        def put(session: Session) -> None:
            session.merge(pause)

        await self._catalog.transactions.write(put)

    async def of_recording(self, recording_id: str) -> list[Pause]:
        """All of a recording, in order."""
        query = select(Pause).where(Pause.recording_id == recording_id).order_by(Pause.number)
        return await self._catalog.transactions.read(lambda session: list(session.scalars(query)))

    async def end_all(self, recording_id: str, ended_at: datetime) -> bool:
        """Those that last end with the recording: their length stays None if it isn't known.

        False if there were none.
        """
        lasting = update(Pause).where(Pause.recording_id == recording_id, Pause.ended_at.is_(None))
        statement = lasting.values(ended_at=ended_at)
        return bool(
            await self._catalog.transactions.write(lambda session: changed(session, statement))
        )
