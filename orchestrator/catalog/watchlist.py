"""The streams that are waited for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from orchestrator.catalog.models import Watch
from orchestrator.catalog.statements import changed
from orchestrator.catalog.store import Catalog
from orchestrator.errors import NotWatched, TooManyWatches


class Watchlist:
    """The catalog's table of watches, at most `most` of them."""

    def __init__(self, catalog: Catalog, most: int) -> None:
        self._catalog, self._most = catalog, most

    async def put(self, watch: Watch) -> None:
        """Adds a watch, or writes over the one of its stream; TooManyWatches."""
        others = select(func.count()).select_from(Watch).where(Watch.mint_id != watch.mint_id)

        def put(session: Session) -> None:
            if (session.scalar(others) or 0) >= self._most:
                raise TooManyWatches(
                    f"{self._most} streams are waited for, and no more may be.",
                    "Cancel one with DELETE /api/recording/watch/{mint_id}.",
                )
            session.merge(watch)

        await self._catalog.transactions.write(put)

    async def all(self) -> list[Watch]:
        """All of them, the oldest first."""
        query = select(Watch).order_by(Watch.created_at, Watch.mint_id)
        return await self._catalog.transactions.read(lambda session: list(session.scalars(query)))

    async def get(self, mint_id: str) -> Watch | None:
        """That of a stream."""
        return await self._catalog.transactions.read(lambda session: session.get(Watch, mint_id))

    async def update(self, mint_id: str, **columns: Any) -> None:
        """Sets columns; nothing happens if nobody waits for the stream (any more)."""
        change = update(Watch).where(Watch.mint_id == mint_id).values(**columns)
        await self._catalog.transactions.write(lambda session: changed(session, change))

    async def remove(self, mint_id: str) -> None:
        """Takes one out, or NotWatched."""
        gone = delete(Watch).where(Watch.mint_id == mint_id)
        if not await self._catalog.transactions.write(lambda session: changed(session, gone)):
            raise NotWatched(mint_id)
