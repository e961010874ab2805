"""The catalog's recordings: what each one was asked for, how it stands, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from orchestrator.catalog.connection import CatalogConnection
from orchestrator.catalog.models import ACTIVE_STATES, Base, Recording
from orchestrator.catalog.reservations import Admit, Reservation, Reservations
from orchestrator.catalog.statements import check_columns, is_active, matching
from orchestrator.errors import RecordingNotFound

WANTED: Final = ("record", "stop")

_NEWEST: Final = (Recording.created_at.desc(), Recording.id.desc())


class Wanted(NamedTuple):
    """What others want of a recording's worker."""

    state: str
    """`record` or `stop`."""
    speed_step: int | None
    """The slowest step that CPU is reserved for."""
    pause: str | None
    """`cut` or `still`; None: it is to go on."""


class RecordingTable(CatalogConnection):
    """The table of recordings."""

    async def create(
        self, recording: Recording, *, admit: Admit | None = None, beside: Sequence[Base] = ()
    ) -> None:
        """Adds a recording durably; AlreadyActive if its stream is being recorded.

        `beside`: rows of other tables that belong to it.

        `admit` gets it and the active recordings in the same transaction, and decides what they
        reserve, or raises. So of concurrent requests each one sees the earlier ones.
        """

        def add(session: Session) -> None:
            if admit is not None:
                active = list(session.scalars(select(Recording).where(is_active())))
                if all(row.stream_id != recording.stream_id for row in active):
                    _carry_out(admit(recording, active), recording, active)
            session.add(recording)
            session.flush()
            session.add_all(beside)

        await self._write(add, about=recording.stream_id, durable=True)

    async def reserve(self, id: str, admit: Admit) -> Reservation:
        """Decides again what a recording reserves, given all other active ones; returns that."""

        def change(session: Session) -> Reservation:
            if (recording := session.get(Recording, id)) is None:
                raise RecordingNotFound(id)
            others = list(session.scalars(select(Recording).where(is_active(), Recording.id != id)))
            _carry_out(admit(recording, others), recording, others)
            return Reservation.of(recording)

        return await self._write(change, about=id)

    async def get(self, id: str) -> Recording:
        """The recording with this id, or RecordingNotFound."""
        recording = await self._read(lambda session: session.get(Recording, id))
        if recording is None:
            raise RecordingNotFound(id)
        return recording

    async def wanted(self, id: str) -> Wanted:
        """What a recording's worker is to do; RecordingNotFound."""
        columns = (Recording.wanted, Recording.speed_step, Recording.pause)
        query = select(*columns).where(Recording.id == id)
        if (row := await self._read(lambda session: session.execute(query).first())) is None:
            raise RecordingNotFound(id)
        return Wanted(*row)

    async def active_of(self, stream_id: str) -> Recording | None:
        """The running recording of this stream."""
        return await self._newest(Recording.stream_id == stream_id, is_active())

    async def latest_of(self, stream_id: str) -> Recording | None:
        """The newest recording of this stream, in any state."""
        return await self._newest(Recording.stream_id == stream_id)

    async def active(self) -> list[Recording]:
        """All running recordings, oldest first."""
        query = select(Recording).where(is_active()).order_by(Recording.created_at, Recording.id)
        return await self._read(lambda session: list(session.scalars(query)))

    async def counts(self) -> dict[str, int]:
        """The number of recordings in each state."""
        query = select(Recording.state, func.count(Recording.id)).group_by(Recording.state)
        return await self._read(lambda s: {state: count for state, count in s.execute(query)})

    async def history(
        self, *, limit: int, offset: int, state: str | None = None, stream_id: str | None = None
    ) -> tuple[list[Recording], int]:
        """One page of all recordings, newest first, and their total number."""
        wanted = matching(state, stream_id)
        newest = select(Recording).where(*wanted).order_by(*_NEWEST).limit(limit).offset(offset)
        count = select(func.count(Recording.id)).where(*wanted)
        return await self._read(
            lambda session: (list(session.scalars(newest)), session.scalar(count) or 0)
        )

    async def update(self, id: str, /, **columns: Any) -> None:
        """Sets columns of a recording; RecordingNotFound, or TypeError for an unknown column.

        One that ends has no keys from then on.
        """
        check_columns(Recording, columns, fixed=("id", "stream_id"))
        if columns.get("state", ACTIVE_STATES[0]) not in ACTIVE_STATES:
            columns["e2ee"] = None
        changed = await self._change(
            update(Recording).where(Recording.id == id).values(**columns), about=id
        )
        if not changed:
            raise RecordingNotFound(id)

    async def claim(self, id: str, starts: int) -> bool:
        """Claims the right to start the next worker after `starts` starts; False if another has
        it."""
        free = update(Recording).where(Recording.id == id, Recording.worker_starts == starts)
        no_worker = {"worker_pid": None, "worker_created": None, "worker_boot": None}
        claimed = free.values(worker_starts=starts + 1, **no_worker)
        return bool(await self._change(claimed, about=id))

    async def want(self, id: str, wanted: str) -> None:
        """Sets the wanted state of a recording: `record` or `stop`."""
        if wanted not in WANTED:
            raise ValueError(f"a recording can be wanted to {' or '.join(WANTED)}, not {wanted!r}")
        await self.update(id, wanted=wanted)

    async def delete(self, id: str) -> None:
        """Deletes a recording with its segments, events and samples; its files stay on disk."""
        if not await self._change(delete(Recording).where(Recording.id == id), about=id):
            raise RecordingNotFound(id)

    async def _newest(self, *conditions: ColumnElement[bool]) -> Recording | None:
        query = select(Recording).where(*conditions).order_by(*_NEWEST).limit(1)
        return await self._read(lambda session: session.scalars(query).first())


def _carry_out(
    decided: Reservations | None, recording: Recording, others: Sequence[Recording]
) -> None:
    if decided is not None:
        decided.write_to(recording, others)
