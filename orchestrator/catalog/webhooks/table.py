"""The queue of web hook deliveries: which are due, and how they ended."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from orchestrator.catalog.statements import changed
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.webhooks.model import Delivery
from orchestrator.errors import DeliveryNotFound

_T = TypeVar("_T")

STATES: Final = ("waiting", "delivered", "failed")
_WAITS: Final = Delivery.state == "waiting"


class Deliveries:
    """The table of deliveries. Every method is one short transaction."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def due(
        self,
        now: datetime,
        *,
        of_each: int,
        busy: Collection[str],
        only: Collection[str] | None = None,
        limit: int = 64,
    ) -> list[Delivery]:
        """What may be sent now, the longest due first: of each recording and receiver the first
        that waits, of each receiver not more than `of_each`, of those in `busy` none.
        """
        where = [_WAITS, Delivery.next_try_at <= now, Delivery.receiver.not_in(busy), _is_first()]
        if only is not None:
            where.append(Delivery.recording_id.in_(only))
        rank = func.row_number().over(
            partition_by=Delivery.receiver, order_by=(Delivery.next_try_at, Delivery.id)
        )
        ranked = select(Delivery.id, rank.label("rank")).where(*where).subquery()
        query = (
            select(Delivery)
            .join(ranked, ranked.c.id == Delivery.id)
            .where(ranked.c.rank <= of_each)
            .order_by(Delivery.next_try_at, Delivery.id)
            .limit(limit)
        )
        return await self._read(lambda session: list(session.scalars(query)))

    async def due_between(self) -> tuple[datetime, datetime] | None:
        """When the first and the last that wait are due; None if none waits."""
        span = select(func.min(Delivery.next_try_at), func.max(Delivery.next_try_at)).where(_WAITS)
        found = await self._read(lambda session: session.execute(span).one())
        return None if found[0] is None else (found[0], found[1])

    async def bring_near(self, furthest: datetime, now: datetime) -> None:
        """Those that are due later than `furthest` are due now: the clock was set back."""
        too_far = update(Delivery).where(_WAITS, Delivery.next_try_at > furthest)
        await self._change(too_far.values(next_try_at=now))

    async def claim(self, row: Delivery, until: datetime) -> bool:
        """Claims one for an attempt that ends before `until`; False if another process has it."""
        this = update(Delivery).where(Delivery.id == row.id, Delivery.attempts == row.attempts)
        claimed = this.where(_WAITS).values(attempts=row.attempts + 1, next_try_at=until)
        return bool(await self._change(claimed))

    async def again(self, row: Delivery, at: datetime, status: int | None, error: str) -> None:
        """An attempt failed: the next one of it and of those behind it is then."""
        this = update(Delivery).where(Delivery.id == row.id, _WAITS)
        behind = update(Delivery).where(*_behind(row), Delivery.next_try_at < at)

        def write(session: Session) -> None:
            session.execute(this.values(next_try_at=at, status=status, error=error))
            session.execute(behind.values(next_try_at=at))

        await self._catalog.transactions.write(write)

    async def end(
        self, row: Delivery, state: str, now: datetime, status: int | None, error: str | None = None
    ) -> None:
        """It is delivered, or given up; the next one behind it is due."""
        this = update(Delivery).where(Delivery.id == row.id, _WAITS)
        behind = update(Delivery).where(*_behind(row), Delivery.next_try_at > now)

        def write(session: Session) -> None:
            session.execute(this.values(state=state, ended_at=now, status=status, error=error))
            session.execute(behind.values(next_try_at=now))

        await self._catalog.transactions.write(write)

    async def end_all(self, row: Delivery, now: datetime, status: int, error: str) -> None:
        """The receiver wants no more of this recording."""
        all_of_it = update(Delivery).where(
            _WAITS, Delivery.recording_id == row.recording_id, Delivery.receiver == row.receiver
        )
        await self._change(
            all_of_it.values(state="failed", ended_at=now, status=status, error=error)
        )

    async def page(
        self, *, limit: int, offset: int, state: str | None = None, recording_id: str | None = None
    ) -> tuple[list[Delivery], int]:
        """One page, newest first, and how many there are."""
        where: list[ColumnElement[bool]] = []
        if state is not None:
            where.append(Delivery.state == state)
        if recording_id is not None:
            where.append(Delivery.recording_id == recording_id)
        rows = select(Delivery).where(*where).order_by(Delivery.id.desc())
        count = select(func.count(Delivery.id)).where(*where)
        return await self._read(
            lambda s: (list(s.scalars(rows.limit(limit).offset(offset))), s.scalar(count) or 0)
        )

    async def waiting(self, recordings: Collection[str]) -> int:
        """How many of these recordings wait."""
        count = select(func.count(Delivery.id)).where(_WAITS, Delivery.recording_id.in_(recordings))
        return await self._read(lambda session: session.scalar(count) or 0)

    async def counts(self) -> dict[str, int]:
        """How many there are in each state."""
        query = select(Delivery.state, func.count()).group_by(Delivery.state)
        found = await self._read(lambda s: {state: count for state, count in s.execute(query)})
        return {state: found.get(state, 0) for state in STATES}

    async def retry(self, id: int, now: datetime) -> Delivery:
        """Tries one that failed, or waits for its next try, at once; DeliveryNotFound."""
        known = await self._read(lambda session: session.get(Delivery, id))
        if known is None:
            raise DeliveryNotFound(str(id))
        if known.state != "delivered":
            await self._change(_tried_again(now).where(Delivery.id == id))
        row = await self._read(lambda session: session.get(Delivery, id))
        if row is None:
            raise DeliveryNotFound(str(id))
        return row

    async def retry_failed(self, now: datetime) -> int:
        """Tries all that failed once more; returns how many."""
        return await self._change(_tried_again(now).where(Delivery.state == "failed"))

    async def forget(self, before: datetime, keep: int) -> int:
        """Deletes those that ended before, and all but the newest `keep` of those that ended."""
        ended = select(Delivery.id).where(Delivery.state != "waiting")
        too_many = ended.order_by(Delivery.id.desc()).limit(1).offset(keep).scalar_subquery()
        old = delete(Delivery).where(
            Delivery.state != "waiting",
            (Delivery.ended_at < before) | (Delivery.id <= too_many),
        )
        return await self._catalog.transactions.write(lambda session: changed(session, old))

    async def _change(self, statement: Any) -> int:
        return await self._catalog.transactions.write(lambda session: changed(session, statement))

    async def _read(self, work: Callable[[Session], _T]) -> _T:
        return await self._catalog.transactions.read(work)


def _is_first() -> ColumnElement[bool]:
    earlier = aliased(Delivery)
    return ~exists().where(
        earlier.recording_id == Delivery.recording_id,
        earlier.receiver == Delivery.receiver,
        earlier.state == "waiting",
        earlier.id < Delivery.id,
    )


def _behind(row: Delivery) -> tuple[ColumnElement[bool], ...]:
    return (
        _WAITS,
        Delivery.recording_id == row.recording_id,
        Delivery.receiver == row.receiver,
        Delivery.id > row.id,
    )


def _tried_again(now: datetime) -> Any:
    """A day begins anew for it."""
    return update(Delivery).values(
        state="waiting", attempts=0, next_try_at=now, created_at=now, ended_at=None
    )
