"""The final files as the desktop app's library of videos: what it lists, hides, sorts and notes.

A file is known here by its path, as in the app. VideoNotFound when no recording made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from orchestrator.catalog.models import File, Recording
from orchestrator.catalog.statements import changed
from orchestrator.catalog.store import Catalog
from orchestrator.errors import VideoNotFound

_FILES: Final = select(File, Recording).join(Recording, File.recording_id == Recording.id)


@dataclass(frozen=True, slots=True)
class Video:
    """A final file, and the recording that it is of."""

    file: File
    recording: Recording


class Library:
    """The catalog's files, of recordings that go on as well."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def videos(self, *, limit: int, skip: int = 0) -> list[Video]:
        """Those that are listed: what was moved to the front first, then the newest."""
        order = (File.position.desc(), File.made_at.desc(), File.path)
        page = _FILES.where(File.listed).order_by(*order).offset(skip).limit(limit)

        def read(session: Session) -> list[Video]:
            return [Video(file, recording) for file, recording in session.execute(page)]

        return await self._catalog.transactions.read(read)

    async def get(self, path: str) -> Video:
        """The file at this path, listed or not."""
        query = _FILES.where(File.path == path)
        found = await self._catalog.transactions.read(
            lambda session: session.execute(query).first()
        )
        if found is None:
            raise VideoNotFound(path)
        return Video(found[0], found[1])

    async def show(self, path: str, *, listed: bool) -> None:
        """Lists it, or lists it no longer; the file stays where it is."""
        await self._change(path, listed=listed)

    async def move_to_front(self, path: str) -> None:
        """Before all others."""
        first = select(func.max(File.position) + 1).scalar_subquery()
        await self._change(path, position=first)

    async def remember(self, path: str, told: dict[str, Any]) -> None:
        """What the app tells of it, to be told again."""
        await self._change(path, remembered=told)

    async def _change(self, path: str, **columns: Any) -> None:
        change = update(File).where(File.path == path).values(**columns)
        if not await self._catalog.transactions.write(lambda session: changed(session, change)):
            raise VideoNotFound(path)
