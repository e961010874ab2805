"""The pauses of recordings, as the catalog has them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from orchestrator.catalog.pauses.model import Pause
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
