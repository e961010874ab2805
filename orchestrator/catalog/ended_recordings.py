"""Queries for recordings that have ended, one page at a time.

A page begins after the last recording of the previous page (by its key), not at an offset, which
would read all earlier rows again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from orchestrator.catalog.models import NEEDS_CLEANUP, Recording
from orchestrator.catalog.statements import changed, older_than
from orchestrator.catalog.store import Catalog

PAGE: Final = 200

_T = TypeVar("_T")


class EndedRecordings:
    """The catalog's finished recordings."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def ended(
        self, state: str, after: Recording | None = None, limit: int = PAGE
    ) -> list[Recording]:
        """Recordings in this state, newest first, starting after `after`."""
        query = select(Recording).where(Recording.state == state)
        if after is not None:
            query = query.where(older_than(after.created_at, after.id))
        page = query.order_by(Recording.created_at.desc(), Recording.id.desc()).limit(limit)
        return await self._read(lambda session: list(session.scalars(page)))

    async def needing_cleanup(self, limit: int = PAGE) -> list[Recording]:
        """Completed recordings whose work folders were not checked yet, oldest first."""
        oldest = (Recording.created_at, Recording.id)
        query = select(Recording).where(NEEDS_CLEANUP).order_by(*oldest).limit(limit)
        return await self._read(lambda session: list(session.scalars(query)))

    async def set_cleaned_up(self, ids: Sequence[str]) -> None:
        """Marks the work folders of these recordings as checked."""
        change = update(Recording).where(Recording.id.in_(ids)).values(swept=True)
        await self._catalog.transactions.write(lambda session: changed(session, change))

    async def is_replaced(self, recording: Recording) -> bool:
        """Whether a later recording has the same work folder: its contents are that one's."""
        later = (
            Recording.work_directory == recording.work_directory,
            Recording.created_at > recording.created_at,
        )
        query = select(Recording.id).where(*later).limit(1)
        return await self._read(lambda session: session.scalar(query)) is not None

    async def _read(self, work: Callable[[Session], _T]) -> _T:
        return await self._catalog.transactions.read(work)
