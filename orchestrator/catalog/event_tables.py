"""The catalog's event log of each recording, its live figures, and what its processes used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from orchestrator.catalog.connection import CatalogConnection
from orchestrator.catalog.live_figures import add_samples, write_figures
from orchestrator.catalog.models import Event, Recording, Sample
from orchestrator.catalog.statements import is_active
from orchestrator.errors import RecordingNotFound

MAX_EVENTS: Final = 10_000
"""Events kept for one recording."""


class EventTables(CatalogConnection):
    """The tables of events and of samples."""

    async def add_event(self, recording_id: str, kind: str, message: str, **data: Any) -> None:
        """Adds an event to the recording's event log, which keeps the newest 10 000."""
        event = Event(
            recording_id=recording_id, at=datetime.now(UTC), kind=kind, message=message, data=data
        )
        events = select(Event.id).where(Event.recording_id == recording_id)
        too_old = events.order_by(Event.id.desc()).limit(1).offset(MAX_EVENTS).scalar_subquery()
        outdated = delete(Event).where(Event.recording_id == recording_id, Event.id <= too_old)

        def add(session: Session) -> None:
            session.add(event)
            session.flush()
            session.execute(outdated)

        await self._write(add, about=recording_id)

    async def events(self, recording_id: str, limit: int = 1000) -> list[Event]:
        """The newest `limit` events, oldest first."""
        events = select(Event).where(Event.recording_id == recording_id)
        newest = events.order_by(Event.id.desc()).limit(limit)
        return await self._read(lambda session: list(session.scalars(newest))[::-1])

    async def events_after(self, id: int, limit: int) -> tuple[list[Event], dict[str, str]]:
        """Newest events after this id, oldest first; the state of each running recording by its
        id."""
        newest = select(Event).where(Event.id > id).order_by(Event.id.desc()).limit(limit)
        running = select(Recording.id, Recording.state).where(is_active())
        return await self._read(
            lambda s: (
                list(s.scalars(newest))[::-1],
                {id: state for id, state in s.execute(running)},
            )
        )

    async def report(
        self, id: str, figures: dict[str, Any], at: datetime, samples: Sequence[Sample]
    ) -> None:
        """Stores the figures of a running recording, and samples, which are kept for an hour."""

        def write(session: Session) -> None:
            connection = session.connection()
            if not write_figures(connection, id, figures, at):
                raise RecordingNotFound(id)
            add_samples(connection, id, samples)

        await self._write(write, about=id)

    async def samples(self, recording_id: str, limit: int) -> list[Sample]:
        """The newest `limit` samples, oldest first."""
        samples = select(Sample).where(Sample.recording_id == recording_id)
        newest = samples.order_by(Sample.id.desc()).limit(limit)
        return await self._read(lambda session: list(session.scalars(newest))[::-1])
