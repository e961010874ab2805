"""The outputs of recordings, as the catalog has them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from orchestrator.catalog.models import ACTIVE_STATES, Recording
from orchestrator.catalog.outputs.model import ENDED, OutputRow
from orchestrator.catalog.statements import changed, check_columns
from orchestrator.catalog.store import Catalog
from orchestrator.errors import OutputNotFound, RecordingNotFound, TooManyOutputs
from orchestrator.outputs.specs import MOST_OUTPUTS

_T = TypeVar("_T")

MOST_EVER: Final = 200
"""Outputs of one recording, with those that have ended."""

_ORDER = (OutputRow.created_at, OutputRow.recording_id, OutputRow.number)


class Outputs:
    """The table of outputs. Every method is one short transaction."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def add(self, output: OutputRow) -> None:
        """Adds one durably, behind those of its recording; RecordingNotFound, TooManyOutputs."""
        of = OutputRow.recording_id == output.recording_id

        def add(session: Session) -> None:
            if session.get(Recording, output.recording_id) is None:
                raise RecordingNotFound(output.recording_id)
            running = select(func.count()).where(of, OutputRow.state.not_in(ENDED))
            if (session.scalar(running) or 0) >= MOST_OUTPUTS:
                raise TooManyOutputs(output.recording_id, MOST_OUTPUTS)
            ever = session.scalar(select(func.max(OutputRow.number)).where(of)) or 0
            if ever >= MOST_EVER:
                raise TooManyOutputs(output.recording_id, MOST_EVER)
            output.number = 1 + ever
            session.add(output)

        await self._catalog.transactions.write(add, durable=True)

    async def get(self, recording_id: str, id: str) -> OutputRow:
        """One of a recording, or OutputNotFound."""
        row = await self._read(lambda session: session.get(OutputRow, id))
        if row is None or row.recording_id != recording_id:
            raise OutputNotFound(id)
        return row

    async def of_recording(self, recording_id: str) -> list[OutputRow]:
        """All of a recording, in order."""
        query = (
            select(OutputRow)
            .where(OutputRow.recording_id == recording_id)
            .order_by(OutputRow.number)
        )
        return await self._read(lambda session: list(session.scalars(query)))

    async def of_recordings(self, ids: Collection[str]) -> dict[str, list[OutputRow]]:
        """Those of several recordings, by recording."""
        query = (
            select(OutputRow)
            .where(OutputRow.recording_id.in_(ids))
            .order_by(OutputRow.recording_id, OutputRow.number)
        )
        found: dict[str, list[OutputRow]] = {id: [] for id in ids}
        for row in await self._read(lambda session: list(session.scalars(query))):
            found[row.recording_id].append(row)
        return found

    async def current(self, limit: int = 2000) -> list[OutputRow]:
        """Those that haven't ended, and all of recordings that run; the newest `limit` of them."""
        running = select(Recording.id).where(Recording.state.in_(ACTIVE_STATES))
        query = (
            select(OutputRow)
            .where(OutputRow.state.not_in(ENDED) | OutputRow.recording_id.in_(running))
            .order_by(*(column.desc() for column in _ORDER))
            .limit(limit)
        )
        return await self._read(lambda session: list(session.scalars(query))[::-1])

    async def unfinished(self, kind: str, limit: int = 1000) -> list[OutputRow]:
        """Those of a kind that haven't ended, oldest first."""
        query = (
            select(OutputRow)
            .where(OutputRow.kind == kind, OutputRow.state.not_in(ENDED))
            .order_by(*_ORDER)
            .limit(limit)
        )
        return await self._read(lambda session: list(session.scalars(query)))

    async def left(self, kinds: Collection[str], limit: int = 1000) -> list[OutputRow]:
        """Those of these kinds that haven't ended although their recordings have, oldest first."""
        query = (
            select(OutputRow)
            .join(Recording, Recording.id == OutputRow.recording_id)
            .where(
                OutputRow.kind.in_(kinds),
                OutputRow.state.not_in(ENDED),
                Recording.state.not_in(ACTIVE_STATES),
            )
            .order_by(*_ORDER)
            .limit(limit)
        )
        return await self._read(lambda session: list(session.scalars(query)))

    async def counts(self) -> dict[tuple[str, str], int]:
        """The number of outputs by kind and state."""
        query = select(OutputRow.kind, OutputRow.state, func.count()).group_by(
            OutputRow.kind, OutputRow.state
        )
        return await self._read(lambda s: {(kind, state): n for kind, state, n in s.execute(query)})

    async def change(self, id: str, *, ended: bool = False, **columns: Any) -> bool:
        """Sets columns of one that hasn't ended (or, with `ended`, of any); False if there is none.

        One whose state ends has the time of its end.
        """
        check_columns(OutputRow, columns, fixed=("id", "recording_id", "number", "kind"))
        if columns.get("state") in ENDED:
            columns.setdefault("ended_at", datetime.now(UTC))
        this: list[ColumnElement[bool]] = [OutputRow.id == id]
        if not ended:
            this.append(OutputRow.state.not_in(ENDED))
        statement = update(OutputRow).where(*this).values(**columns)
        return bool(
            await self._catalog.transactions.write(lambda session: changed(session, statement))
        )

    async def _read(self, work: Callable[[Session], _T]) -> _T:
        return await self._catalog.transactions.read(work)
