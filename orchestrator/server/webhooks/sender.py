"""Sends what the queue has: in order for each recording and receiver, a few at a time to each.

A receiver whose last call failed has places of its own, so that those that hang hold up nobody.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from pydantic import ValidationError

from orchestrator.catalog.store import Catalog
from orchestrator.catalog.webhooks.model import Delivery
from orchestrator.catalog.webhooks.table import Deliveries
from orchestrator.errors import HavenError, Unavailable
from orchestrator.outputs.webhooks import read_webhooks
from orchestrator.recordings.encryption.sealed_text import unseal
from orchestrator.server.webhooks.attempt import TOTAL_S, Attempts
from orchestrator.server.webhooks.schedule import GONE, Answer, next_try

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(seconds=2 * TOTAL_S)
"""Another process may try what this one has begun after this time."""
LONGEST_REST_S: Final = 5.0
SHORTEST_REST_S: Final = 0.5
FURTHEST: Final = timedelta(hours=2)
"""No attempt is planned further ahead: beyond that the clock was set back."""

OF_EACH: Final = 4
"""Calls of one receiver at a time."""
HEALTHY: Final = 32
"""Calls at a time of receivers whose last call wasn't a failure."""
FAILING: Final = 16
"""Calls at a time of the others, one of each."""
_MOST_KNOWN: Final = 10_000


class Sender:
    """Runs from `open` to `close`; with `only`, for these recordings."""

    def __init__(self, catalog: Catalog, only: Collection[str] | None = None) -> None:
        self._catalog, self._only = catalog, only
        self._table, self._attempts = Deliveries(catalog), Attempts()
        self._failing: set[str] = set()
        """Receivers whose last call failed."""
        self._calls: dict[asyncio.Task[None], str] = {}
        """Those under way, and their receivers."""
        self._look = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin."""
        self._running = asyncio.create_task(self._run())

    def wake(self) -> None:
        """There may be more to send."""
        self._look.set()

    async def close(self) -> None:
        """Ends; calls that are under way are made again by whoever comes next."""
        tasks = [task for task in (self._running, *self._calls) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._attempts.close()

    async def _run(self) -> None:
        problem = ""
        while True:
            self._look.clear()
            try:
                rest_s, problem = await self._send_due(), ""
            except HavenError as error:
                rest_s = LONGEST_REST_S
                if error.error != problem:
                    log.warning("web hooks can't be looked for; trying again", error=error.error)
                problem = error.error
            except Exception as error:  # a task's boundary: calls that wait must not wait for ever
                rest_s = LONGEST_REST_S
                if repr(error) != problem:
                    log.exception("web hooks can't be looked for; trying again")
                problem = repr(error)
            try:
                async with asyncio.timeout(rest_s):
                    await self._look.wait()
            except TimeoutError:
                continue

    async def _send_due(self) -> float:
        """Begins calls that are due; returns the seconds until there may be more."""
        now = datetime.now(UTC)
        if (span := await self._table.due_between()) is None:
            return LONGEST_REST_S
        if span[1] > now + FURTHEST:
            await self._table.bring_near(now + FURTHEST, now)
            return 0.0
        for row in await self._due(now) if span[0] <= now else []:
            if self._has_place(row) and await self._table.claim(row, now + LEASE):
                self._begin(row)
        return min(max((span[0] - now).total_seconds(), SHORTEST_REST_S), LONGEST_REST_S)

    async def _due(self, now: datetime) -> list[Delivery]:
        under_way = Counter(self._calls.values())
        busy = [id for id, count in under_way.items() if count >= self._most(id)]
        if sum(1 for id in under_way.elements() if id in self._failing) >= FAILING:
            busy += self._failing
        return await self._table.due(now, of_each=OF_EACH, busy=busy, only=self._only)

    def _most(self, receiver: str) -> int:
        return 1 if receiver in self._failing else OF_EACH

    def _has_place(self, row: Delivery) -> bool:
        receiver, failing = row.receiver, row.receiver in self._failing
        of_kind = [each for each in self._calls.values() if (each in self._failing) == failing]
        most = FAILING if failing else HEALTHY
        return len(of_kind) < most and of_kind.count(receiver) < self._most(receiver)

    def _begin(self, row: Delivery) -> None:
        task = asyncio.create_task(self._send(row))
        self._calls[task] = row.receiver
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._calls.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a web hook's call failed", error=repr(error))
        self._look.set()

    async def _send(self, row: Delivery) -> None:
        answer = await self._answer(row)
        self._remember(row.receiver, failed=answer.error is not None)
        try:
            await self._note(row, answer, datetime.now(UTC))
        except Unavailable as error:  # it is sent again when its lease has ended
            log.warning("a web hook's answer was not written", id=row.id, error=error.error)

    async def _answer(self, row: Delivery) -> Answer:
        try:
            (webhook,) = read_webhooks(await unseal(self._catalog, row.webhook))
            return await self._attempts.make(webhook, row.event, anywhere=row.trusted)
        except Unavailable as error:
            return Answer(error=error.error)
        except ValidationError:  # its text may have what was given
            return Answer(error="this recorder can't read the web hook any more", refused=True)
        except Exception as error:  # a boundary: else it would be tried for ever
            log.exception("a web hook's call failed", id=row.id)
            return Answer(error=f"a fault of the recorder ({type(error).__name__}); see its log")

    async def _note(self, row: Delivery, answer: Answer, now: datetime) -> None:
        attempts, status, error = row.attempts + 1, answer.status, answer.error
        if error is None:
            await self._table.end(row, "delivered", now, status)
        elif status == GONE:
            log.warning("a web hook wants no more", recording=row.recording_id, url=row.shown_url)
            await self._table.end_all(row, now, status, error)
        elif (at := next_try(answer, attempts, row.created_at, now)) is not None:
            await self._table.again(row, at, status, error)
        else:
            url, of = row.shown_url, row.recording_id
            log.error("a web hook is given up", recording=of, url=url, type=row.type, error=error)
            await self._table.end(row, "failed", now, status, error)

    def _remember(self, receiver: str, *, failed: bool) -> None:
        if not failed:
            self._failing.discard(receiver)
        elif len(self._failing) < _MOST_KNOWN:
            self._failing.add(receiver)
