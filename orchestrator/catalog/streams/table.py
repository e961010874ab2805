"""The streams with names of their own that were added at run time."""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from orchestrator.catalog.models import Recording
from orchestrator.catalog.statements import changed, is_active
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.streams.model import AddedStream
from orchestrator.errors import NotAdded, StillActive, StreamExists, TooManyStreams

MOST_ADDED: Final = 1000


class AddedStreams:
    """The catalog's table of at most `MOST_ADDED` streams. Every method is one transaction."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def add(self, stream: AddedStream) -> None:
        """Adds one durably; StreamExists if its id is taken, TooManyStreams."""

        def add(session: Session) -> None:
            if session.get(AddedStream, stream.id) is not None:
                raise StreamExists(stream.id, "It was added before: remove it first.")
            if (session.scalar(select(func.count()).select_from(AddedStream)) or 0) >= MOST_ADDED:
                raise TooManyStreams(
                    f"{MOST_ADDED} streams were added, which is the limit.",
                    "Remove one with DELETE /api/streams/{mint_id}.",
                )
            session.add(stream)

        await self._catalog.transactions.write(add, durable=True)

    async def all(self) -> dict[str, str]:
        """The sealed definition of each by its id, the oldest first."""
        query = select(AddedStream.id, AddedStream.definition).order_by(
            AddedStream.created_at, AddedStream.id
        )
        rows = await self._catalog.transactions.read(lambda session: list(session.execute(query)))
        return {id: definition for id, definition in rows}

    async def remove(self, id: str) -> None:
        """Removes one; NotAdded if there is none, StillActive while it is recorded."""
        recorded = select(Recording.id).where(is_active(), Recording.stream_id == id)
        gone = delete(AddedStream).where(AddedStream.id == id)

        def remove(session: Session) -> None:
            if session.get(AddedStream, id) is None:
                raise NotAdded(id)
            if session.scalar(recorded) is not None:
                raise StillActive(
                    f"Stream {id} is being recorded and stays.",
                    "Stop its recording first: POST /api/recording/stop.",
                )
            changed(session, gone)

        await self._catalog.transactions.write(remove, durable=True)
