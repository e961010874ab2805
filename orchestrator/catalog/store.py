"""The catalog: everything the control plane and the workers know in common.

Every method is one short transaction. What it returns is loaded in full and no longer bound to the
database. Errors: RecordingNotFound, AlreadyActive, and Unavailable when the database can't be used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Delete, Update, delete, func, select, update
from sqlalchemy.orm import Session

from orchestrator.catalog import database
from orchestrator.catalog.models import (
    Event,
    File,
    Preference,
    Recording,
    Sample,
    Segment,
)
from orchestrator.catalog.statements import (
    changed,
    check_columns,
    is_active,
    old_samples,
    translated,
)
from orchestrator.catalog.transactions import Transactions
from orchestrator.errors import RecordingNotFound

MAX_EVENTS: Final = 10_000
"""Events kept of one recording."""

WANTED: Final = ("record", "stop")

Admit = Callable[[Recording, Sequence[Recording]], None]
"""Takes a recording and the others that are active; sets what it reserves, or raises."""

_T = TypeVar("_T")
_NEWEST: Final = (Recording.created_at.desc(), Recording.id.desc())


class Catalog:
    """The shared database. Several processes may each have one open on the same file."""

    def __init__(self, database_url: str) -> None:
        self.path = database.database_path(database_url)
        self._transactions: Transactions | None = None

    async def open(self, *, migrate: bool) -> None:
        """Opens the database; with `migrate` creates it or brings it up to date first.

        SettingsError if it can't be opened or has a schema this program doesn't know.
        """
        await asyncio.to_thread(database.prepare, self.path, migrate=migrate)
        self._transactions = Transactions(self.path)

    async def close(self) -> None:
        """Returns when the calls made so far are done and all is closed; may be called again."""
        transactions, self._transactions = self._transactions, None
        if transactions is not None:
            await transactions.close()

    # -- recordings

    async def create(self, recording: Recording, *, admit: Admit | None = None) -> None:
        """Adds a recording, safe from power cuts; AlreadyActive if its stream is being recorded.

        `admit` gets it and what is active then, in the same transaction: it writes down what the
        recording reserves, or raises. So of many who ask at once each sees those before him.
        """

        def add(session: Session) -> None:
            if admit is not None:
                active = list(session.scalars(select(Recording).where(is_active())))
                if all(row.mint_id != recording.mint_id for row in active):
                    admit(recording, active)
            session.add(recording)

        await self._write(add, about=recording.mint_id, durable=True)

    async def reserve(self, id: str, admit: Admit) -> None:
        """Decides anew what a recording reserves, beside all others that are active."""

        def change(session: Session) -> None:
            if (recording := session.get(Recording, id)) is None:
                raise RecordingNotFound(id)
            others = select(Recording).where(is_active(), Recording.id != id)
            admit(recording, list(session.scalars(others)))

        await self._write(change, about=id)

    async def get(self, id: str) -> Recording:
        """The recording with this id, else RecordingNotFound."""
        found = await self._read(lambda session: session.get(Recording, id))
        if found is None:
            raise RecordingNotFound(id)
        return found

    async def wanted(self, id: str) -> tuple[str, int | None]:
        """What is wanted of it: `record` or `stop`, and at which speed step; RecordingNotFound."""
        query = select(Recording.wanted, Recording.speed_step).where(Recording.id == id)
        if (found := await self._read(lambda session: session.execute(query).first())) is None:
            raise RecordingNotFound(id)
        return found[0], found[1]

    async def active_of(self, mint_id: str) -> Recording | None:
        """The recording of this stream that runs now."""
        return await self._newest(Recording.mint_id == mint_id, is_active())

    async def latest_of(self, mint_id: str) -> Recording | None:
        """The newest recording of this stream, whatever became of it."""
        return await self._newest(Recording.mint_id == mint_id)

    async def active(self) -> list[Recording]:
        """All recordings that run now, oldest first."""
        query = select(Recording).where(is_active()).order_by(Recording.created_at, Recording.id)
        return await self._read(lambda session: list(session.scalars(query)))

    async def counts(self) -> dict[str, int]:
        """How many recordings there are in each state that any is in."""
        query = select(Recording.state, func.count(Recording.id)).group_by(Recording.state)
        return await self._read(lambda s: {state: count for state, count in s.execute(query)})

    async def history(
        self, *, limit: int, offset: int, state: str | None = None, mint_id: str | None = None
    ) -> tuple[list[Recording], int]:
        """One page of all recordings, newest first, and how many there are in all."""
        asked = {Recording.state: state, Recording.mint_id: mint_id}
        wanted = [column == value for column, value in asked.items() if value is not None]
        newest = select(Recording).where(*wanted).order_by(*_NEWEST).limit(limit).offset(offset)
        count = select(func.count(Recording.id)).where(*wanted)
        return await self._read(
            lambda session: (list(session.scalars(newest)), session.scalar(count) or 0)
        )

    async def update(self, id: str, /, **columns: Any) -> None:
        """Sets columns of a recording; RecordingNotFound, or TypeError for an unknown column."""
        check_columns(Recording, columns, fixed=("id", "mint_id"))
        changed = await self._change(
            update(Recording).where(Recording.id == id).values(**columns), about=id
        )
        if not changed:
            raise RecordingNotFound(id)

    async def claim(self, id: str, starts: int) -> bool:
        """Takes the right to start the worker after `starts` of them; False if another has it."""
        free = update(Recording).where(Recording.id == id, Recording.worker_starts == starts)
        nobody = {"worker_pid": None, "worker_created": None, "worker_boot": None}
        claimed = free.values(worker_starts=starts + 1, **nobody)
        return bool(await self._change(claimed, about=id))

    async def want(self, id: str, wanted: str) -> None:
        """Writes down what the control plane wants of a recording: `record` or `stop`."""
        if wanted not in WANTED:
            raise ValueError(f"a recording can be wanted to {' or '.join(WANTED)}, not {wanted!r}")
        await self.update(id, wanted=wanted)

    async def delete(self, id: str) -> None:
        """Forgets a recording with its segments, events and samples; files stay."""
        if not await self._change(delete(Recording).where(Recording.id == id), about=id):
            raise RecordingNotFound(id)

    # -- segments

    async def add_segment(self, segment: Segment) -> None:
        """Adds a segment to its recording, or writes over the one with its number."""
        await self._write(lambda session: session.merge(segment), about=segment.recording_id)

    async def update_segment(self, recording_id: str, number: int, /, **columns: Any) -> None:
        """Sets columns of a segment; RecordingNotFound if it doesn't exist."""
        check_columns(Segment, columns, fixed=("recording_id", "number"))
        this = (Segment.recording_id == recording_id, Segment.number == number)
        if not await self._change(
            update(Segment).where(*this).values(**columns), about=recording_id
        ):
            raise RecordingNotFound(recording_id)

    async def segments(self, recording_id: str) -> list[Segment]:
        """All segments of a recording in their order."""
        query = select(Segment).where(Segment.recording_id == recording_id).order_by(Segment.number)
        return await self._read(lambda session: list(session.scalars(query)))

    # -- final files

    async def put_file(self, file: File) -> None:
        """Adds a final file, or writes over the one with its number."""
        await self._write(lambda session: session.merge(file), about=file.recording_id)

    async def files(self, recording_id: str) -> list[File]:
        """The final files of a recording in their order."""
        query = select(File).where(File.recording_id == recording_id).order_by(File.number)
        return await self._read(lambda session: list(session.scalars(query)))

    async def files_without_sum(self, limit: int) -> list[File]:
        """Files that were checked and whose SHA-256 isn't known, of recordings that have ended."""
        ended = select(Recording.id).where(~is_active())
        wanted = (File.sha256.is_(None), File.integrity.is_not(None), File.recording_id.in_(ended))
        query = select(File).where(*wanted).order_by(File.made_at).limit(limit)
        return await self._read(lambda session: list(session.scalars(query)))

    async def set_sum(self, file: File, sha256: str) -> bool:
        """Writes down its SHA-256; False if the file is no longer known."""
        this = (File.recording_id == file.recording_id, File.number == file.number)
        change = update(File).where(*this).values(sha256=sha256)
        return bool(await self._change(change, about=file.recording_id))

    # -- events and samples

    async def add_event(self, recording_id: str, kind: str, message: str, **data: Any) -> None:
        """Adds a line to the recording's story, of which the newest 10 000 are kept."""
        event = Event(
            recording_id=recording_id, at=datetime.now(UTC), kind=kind, message=message, data=data
        )
        mine = select(Event.id).where(Event.recording_id == recording_id)
        too_old = mine.order_by(Event.id.desc()).limit(1).offset(MAX_EVENTS).scalar_subquery()
        outdated = delete(Event).where(Event.recording_id == recording_id, Event.id <= too_old)

        def add(session: Session) -> None:
            session.add(event)
            session.flush()
            session.execute(outdated)

        await self._write(add, about=recording_id)

    async def events(self, recording_id: str, limit: int = 1000) -> list[Event]:
        """The newest `limit` events, oldest first."""
        mine = select(Event).where(Event.recording_id == recording_id)
        newest = mine.order_by(Event.id.desc()).limit(limit)
        return await self._read(lambda session: list(session.scalars(newest))[::-1])

    async def news(self, id: int, limit: int) -> tuple[list[Event], dict[str, str]]:
        """Newest events after this id, oldest first; each running recording's state by its id."""
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
        """Figures of a running recording, and measurements, of which an hour's are kept."""
        figured = update(Recording).where(Recording.id == id)

        def write(session: Session) -> None:
            if not changed(session, figured.values(figures=figures, figures_at=at)):
                raise RecordingNotFound(id)
            if samples:
                session.execute(old_samples(id, samples))
                session.add_all(samples)

        await self._write(write, about=id)

    async def samples(self, recording_id: str, limit: int) -> list[Sample]:
        """The newest `limit` measurements, oldest first."""
        mine = select(Sample).where(Sample.recording_id == recording_id)
        newest = mine.order_by(Sample.id.desc()).limit(limit)
        return await self._read(lambda session: list(session.scalars(newest))[::-1])

    # -- preferences

    async def preference(self, key: str) -> str | None:
        """What the user chose for `key`."""
        query = select(Preference.value).where(Preference.key == key)
        return await self._read(lambda session: session.scalar(query))

    async def set_preference(self, key: str, value: str) -> None:
        """Remembers what the user chose."""
        chosen = Preference(key=key, value=value)
        await self._write(lambda session: session.merge(chosen), about=key)

    async def check(self) -> None:
        """Writes and reads something; Unavailable when that can't be done."""
        await self.set_preference("checked_at", datetime.now(UTC).isoformat())
        await self.preference("checked_at")

    async def _newest(self, *conditions: ColumnElement[bool]) -> Recording | None:
        query = select(Recording).where(*conditions).order_by(*_NEWEST).limit(1)
        return await self._read(lambda session: session.scalars(query).first())

    async def _change(self, statement: Update | Delete, *, about: str) -> int:
        """Executes one statement; how many rows it touched."""
        return await self._write(lambda session: changed(session, statement), about=about)

    async def _read(self, work: Callable[[Session], _T]) -> _T:
        return await self.transactions.read(work)

    async def _write(self, work: Callable[[Session], _T], *, about: str, **how: bool) -> _T:
        """A transaction that writes; `about` is the stream or recording that errors name."""
        with translated(about):
            return await self.transactions.write(work, **how)

    @property
    def transactions(self) -> Transactions:
        """For what else is kept here: the library's and the watches' tables."""
        if self._transactions is None:
            raise RuntimeError("the catalog isn't open")
        return self._transactions
