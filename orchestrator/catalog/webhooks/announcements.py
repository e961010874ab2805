"""What of recordings' events isn't yet on its way to web hooks, and how it gets there: once.

A recording's row says how far its web hooks are. What is planned goes into the queue together with
that, in one transaction which changes nothing if another process came first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, Select, func, or_, select, update
from sqlalchemy.orm import Session

from orchestrator.catalog.models import TO_ANNOUNCE, Event, File, Preference, Recording
from orchestrator.catalog.statements import changed, is_active
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.webhooks.model import Delivery

SEEN: Final = "webhooks_seen"
"""The preference with the id of the last event that a server has looked at."""

MOST_EVENTS: Final = 500
MOST_RECORDINGS: Final = 1000
"""Of one look."""

MOST_FILES: Final = 100
"""Of a recording that was split, in one event."""

BEGINNING: Final = 1
END: Final = 2
"""Values of Recording.announced."""

MOST_WAITING: Final = 1000
"""Of one receiver."""
MOST_WAITING_IN_ALL: Final = 50_000


@dataclass(slots=True)
class Unannounced:
    """A recording with events, a beginning or an end that its web hooks don't have."""

    recording: Recording
    events: list[Event] = field(default_factory=list)
    """Oldest first."""
    files: list[File] = field(default_factory=list)
    """Of one that has ended: the first 100."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What one recording's web hooks get now."""

    recording: Recording
    """As it was read."""
    stage: int
    """`Recording.announced` from now on."""
    event: int
    """`Recording.announced_event` from now on."""
    deliveries: Sequence[Delivery]


class Announcements:
    """Reads what isn't announced, and writes what is planned."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def seen(self) -> int:
        """The last event that a server has looked at."""
        return int(await self._catalog.preference(SEEN) or 0)

    async def unannounced(
        self, kinds: Collection[str], after: int, only: Collection[str] | None = None
    ) -> tuple[list[Unannounced], int]:
        """Recordings with what isn't announced; and the last event that was looked at.

        Looks at events of these kinds with an id above `after`, of the recordings in `only`.
        """
        return await self._catalog.transactions.read(lambda s: _unannounced(s, kinds, after, only))

    async def announce(self, planned: Sequence[Announcement], seen: int | None) -> int:
        """Puts what is planned into the queue; returns how many deliveries there are more."""

        def write(session: Session) -> int:
            added = sum(_announce(session, each) for each in planned)
            if seen is not None:
                session.merge(Preference(key=SEEN, value=str(seen)))
            return added

        return await self._catalog.transactions.write(write)

    async def open_ends(self, recordings: Collection[str]) -> int:
        """How many of these recordings have an end that isn't announced."""
        count = select(func.count()).where(TO_ANNOUNCE, Recording.id.in_(recordings))
        return await self._catalog.transactions.read(lambda session: session.scalar(count) or 0)


def _unannounced(
    session: Session, kinds: Collection[str], after: int, only: Collection[str] | None
) -> tuple[list[Unannounced], int]:
    newest = session.scalar(select(func.max(Event.id))) or 0
    of: list[ColumnElement[bool]] = [] if only is None else [Recording.id.in_(only)]
    events = list(session.scalars(_events(kinds, after, of))) if newest > after else []
    found = {row.id: Unannounced(row) for row in _recordings(session, events, of)}
    for event in events:
        found[event.recording_id].events.append(event)
    for each in found.values():
        if each.recording.ended_at is not None:
            each.files = _files(session, each.recording.id)
    return list(found.values()), events[-1].id if len(events) == MOST_EVENTS else newest


def _events(kinds: Collection[str], after: int, of: Sequence[ColumnElement[bool]]) -> Select[Event]:
    return (
        select(Event)
        .join(Recording, Recording.id == Event.recording_id)
        .where(Event.id > after, Event.id > Recording.announced_event, Event.kind.in_(kinds), *of)
        .order_by(Event.id)
        .limit(MOST_EVENTS)
    )


def _recordings(
    session: Session, events: Sequence[Event], of: Sequence[ColumnElement[bool]]
) -> list[Recording]:
    """Those of the events, and those whose beginning or end isn't announced; oldest first."""
    begun_or_ended = or_(Recording.announced == 0, ~is_active())
    due = (
        select(Recording)
        .where(TO_ANNOUNCE, begun_or_ended, *of)
        .order_by(Recording.created_at)
        .limit(MOST_RECORDINGS)
    )
    rows = {row.id: row for row in session.scalars(due)}
    for id in {event.recording_id for event in events} - set(rows):
        if (row := session.get(Recording, id)) is not None:
            rows[id] = row
    return sorted(rows.values(), key=lambda row: row.created_at)


def _files(session: Session, recording_id: str) -> list[File]:
    files = select(File).where(File.recording_id == recording_id)
    return list(session.scalars(files.order_by(File.number).limit(MOST_FILES)))


def _announce(session: Session, planned: Announcement) -> int:
    row = planned.recording
    unchanged = (
        update(Recording)
        .where(
            Recording.id == row.id,
            Recording.announced == row.announced,
            Recording.announced_event == row.announced_event,
        )
        .values(announced=planned.stage, announced_event=planned.event)
    )
    if not changed(session, unchanged):
        return 0
    gone = _gone(session, row.id) if planned.deliveries else frozenset()
    wanted = [each for each in planned.deliveries if each.receiver not in gone]
    for delivery in wanted:
        _refuse_if_full(session, delivery)
        session.add(delivery)
        session.flush()
    return len(wanted)


def _gone(session: Session, recording_id: str) -> frozenset[str]:
    """Receivers that want no more of this recording (410)."""
    gone = select(Delivery.receiver).where(
        Delivery.recording_id == recording_id, Delivery.status == 410
    )
    return frozenset(session.scalars(gone))


def _refuse_if_full(session: Session, delivery: Delivery) -> None:
    """One that would wait behind too many isn't sent; it can be tried again by hand."""
    waiting = select(func.count()).where(Delivery.state == "waiting")
    of_receiver = waiting.where(Delivery.receiver == delivery.receiver)
    if (session.scalar(of_receiver) or 0) >= MOST_WAITING:
        why = f"{MOST_WAITING} calls of this receiver wait already"
    elif (session.scalar(waiting) or 0) >= MOST_WAITING_IN_ALL:
        why = f"{MOST_WAITING_IN_ALL} calls wait already"
    else:
        return
    delivery.state, delivery.ended_at, delivery.error = "failed", delivery.created_at, why
