"""The final files as the desktop app's library: listing, hiding, sorting and annotating them.

A file is identified by its path, as in the app. VideoNotFound if it is not a file of a recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from orchestrator.catalog.models import File, Recording
from orchestrator.catalog.statements import changed
from orchestrator.catalog.store import Catalog
from orchestrator.errors import VideoNotFound

_FILES: Final = select(
    *(File.recording_id, File.number, File.path, File.position, File.made_at),
    *(File.duration_s, File.size_bytes, File.probe["video"]["codec"].as_string(), File.remembered),
    *(Recording.stream_id, Recording.stream, Recording.created_at),
    Recording.pipeline,
).join(Recording, File.recording_id == Recording.id)
"""The columns of a `Video`, in its order: whole rows have the figures as well, which are long."""


@dataclass(frozen=True, slots=True)
class Video:
    """A final file, and what is shown of the recording that it is of."""

    recording_id: str
    number: int
    """Which part of the recording it is, from 1 on."""
    path: str
    position: int
    made_at: datetime
    duration_s: float | None
    size_bytes: int
    codec: str | None
    """Of its video; None if it has none."""
    remembered: dict[str, Any]
    stream_id: str
    stream: dict[str, Any]
    created_at: datetime
    """When the recording was asked for."""
    pipeline: str


class VideoLibrary:
    """The catalog's final files, also those of running recordings."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def videos(self, *, limit: int, skip: int = 0) -> list[Video]:
        """The listed files: those moved to the front first, then the newest."""
        order = (File.position.desc(), File.made_at.desc(), File.path.desc())
        page = _FILES.where(File.listed).order_by(*order).offset(skip).limit(limit)

        def read(session: Session) -> list[Video]:
            return [Video(*row) for row in session.execute(page)]

        return await self._catalog.transactions.read(read)

    async def get(self, path: str) -> Video:
        """The file at this path, listed or not."""
        query = _FILES.where(File.path == path).order_by(File.made_at.desc())
        found = await self._catalog.transactions.read(
            lambda session: session.execute(query).first()
        )
        if found is None:
            raise VideoNotFound(path)
        return Video(*found)

    async def show(self, path: str, *, listed: bool) -> None:
        """Lists or hides a file; the file itself stays."""
        await self._change(path, listed=listed)

    async def move_to_front(self, path: str) -> None:
        """Moves a file before all others."""
        first = select(func.max(File.position) + 1).scalar_subquery()
        await self._change(path, position=first)

    async def remember(self, path: str, data: dict[str, Any]) -> None:
        """Stores what the app wants to read back later."""
        await self._change(path, remembered=data)

    async def _change(self, path: str, **columns: Any) -> None:
        change = update(File).where(File.path == path).values(**columns)
        if not await self._catalog.transactions.write(lambda session: changed(session, change)):
            raise VideoNotFound(path)
