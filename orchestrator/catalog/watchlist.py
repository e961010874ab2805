"""The watched streams."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from orchestrator.catalog.models import Watch
from orchestrator.catalog.statements import changed
from orchestrator.catalog.store import Catalog
from orchestrator.errors import NotWatched, TooManyWatches


class Watchlist:
    """The catalog's table of at most `most` watched streams."""

    def __init__(self, catalog: Catalog, most: int) -> None:
        self._catalog, self._most = catalog, most

    async def put(self, watch: Watch) -> None:
        """Adds a watch, or replaces the one of its stream; TooManyWatches."""
        others = select(func.count()).select_from(Watch).where(Watch.stream_id != watch.stream_id)

        def put(session: Session) -> None:
            if (session.scalar(others) or 0) >= self._most:
                raise TooManyWatches(
                    f"{self._most} streams are watched, which is the limit.",
                    "Cancel one with DELETE /api/recording/watch/{mint_id}.",
                )
            session.merge(watch)

        await self._catalog.transactions.write(put)

    async def all(self) -> list[Watch]:
        """All watches, oldest first."""
        query = select(Watch).order_by(Watch.created_at, Watch.stream_id)
        return await self._catalog.transactions.read(lambda session: list(session.scalars(query)))

    async def get(self, stream_id: str) -> Watch | None:
        """The watch of a stream."""
        return await self._catalog.transactions.read(lambda session: session.get(Watch, stream_id))

    async def update(self, stream_id: str, **columns: Any) -> None:
        """Sets columns of a watch, if the stream is still watched."""
        change = update(Watch).where(Watch.stream_id == stream_id).values(**columns)
        await self._catalog.transactions.write(lambda session: changed(session, change))

    async def remove(self, stream_id: str) -> None:
        """Removes a watch, or NotWatched."""
        gone = delete(Watch).where(Watch.stream_id == stream_id)
        if not await self._catalog.transactions.write(lambda session: changed(session, gone)):
            raise NotWatched(stream_id)
