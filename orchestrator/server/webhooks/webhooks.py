"""Web hooks of recordings: from what happens to a recording to calls that are delivered.

::

    events, rows ─ Announcements, Planner ─▶ webhook_deliveries ─ Sender ─▶ receivers

A server does that for all recordings; `orchestrator record` where no server runs, for its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from orchestrator.catalog.store import Catalog
from orchestrator.catalog.webhooks.announcements import Announcement, Announcements
from orchestrator.catalog.webhooks.model import Delivery
from orchestrator.catalog.webhooks.table import Deliveries
from orchestrator.errors import RecordingNotFound
from orchestrator.periodic import Periodic
from orchestrator.recordings.outcome import is_final
from orchestrator.server.webhooks.meanings import KINDS
from orchestrator.server.webhooks.planning import CHECKSUMS_S, Planner
from orchestrator.server.webhooks.sender import Sender
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
FORGET_S: Final = 3600.0
KEPT: Final = timedelta(days=7)
"""How long a call stays in the catalog after it ended."""
MOST_KEPT: Final = 10_000
"""Calls that have ended."""
_SETTLE_S: Final = 0.1
KEEP_S: Final = 60.0
"""How often a server writes which events it has looked at, while none of them matter."""
LAST_S: Final = 3.0
"""How long a server that ends waits for the calls of the recordings that it ended."""


class WebhookQueue:
    """Announces what happens, sends it, and lists it."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._settings, self._catalog = settings, catalog
        self._table, self._announcements = Deliveries(catalog), Announcements(catalog)
        self._planner = Planner(catalog, settings.webhooks, anywhere=settings.allow_private_targets)
        self._only: set[str] | None = None
        self._sender: Sender | None = None
        self._seen: int | None = None
        self._kept_s = time.monotonic()
        """When that was written last, on the monotonic clock."""
        self._looking = Periodic(
            self._announce, LOOK_S, failure="web hooks can't be announced; trying again"
        )
        self._forgetting = Periodic(self._forget, FORGET_S, failure="old web hook calls stay")

    def open(self, *, all_recordings: bool) -> None:
        """Begin, for all recordings or for those that `follow` names."""
        self._only = None if all_recordings else set()
        self._sender = Sender(self._catalog, self._only)
        self._sender.open()
        self._looking.open()
        if all_recordings:
            self._forgetting.open()

    def follow(self, recording_id: str) -> None:
        """This process made the recording."""
        if self._only is not None:
            self._only.add(recording_id)

    async def close(self) -> None:
        """Leave what isn't delivered to whoever comes next; may be called without `open`."""
        await self._looking.close()
        await self._forgetting.close()
        if self._sender is not None:
            await self._sender.close()

    async def settle(self, timeout_s: float, recordings: Sequence[str] | None = None) -> int:
        """Returns when the calls of these recordings, which have ended, are made.

        Or after `timeout_s`: how many wait then. `recordings`: None are those that `follow` named.
        """
        ids = [id for id in recordings or self._only or () if await self._has_webhooks(id)]
        if self._sender is None or not ids:
            return 0
        deadline = time.monotonic() + timeout_s
        while True:
            left = await self._left(ids)
            if not left or time.monotonic() > deadline:
                return left
            await asyncio.sleep(_SETTLE_S)

    async def _has_webhooks(self, id: str) -> bool:
        try:
            return bool((await self._catalog.get(id)).webhooks or self._settings.webhooks)
        except RecordingNotFound:
            return False

    async def _left(self, recordings: Sequence[str]) -> int:
        """Calls that wait, and recordings whose end isn't announced."""
        waiting = await self._table.waiting(recordings)
        return waiting + await self._announcements.open_ends(recordings)

    async def announce_end(self, recording_id: str) -> None:
        """Before a recording is deleted: with what is known; nothing of one that runs."""
        found, _ = await self._announcements.unannounced(KINDS, 0, {recording_id})
        ended = [each for each in found if is_final(each.recording)]
        plans = [await self._planner.plan(each, at_once=True) for each in ended]
        if planned := [plan for plan, _ in plans if plan is not None]:
            await self._announcements.announce(planned, None)
            self._wake()

    # -- what can be asked for

    async def page(
        self, *, limit: int, offset: int, state: str | None = None, recording_id: str | None = None
    ) -> tuple[list[Delivery], int]:
        """One page of deliveries, newest first, and how many there are."""
        return await self._table.page(
            limit=limit, offset=offset, state=state, recording_id=recording_id
        )

    async def counts(self) -> dict[str, int]:
        """How many deliveries there are in each state."""
        return await self._table.counts()

    async def retry(self, id: int) -> Delivery:
        """Tries one at once, unless it is delivered; DeliveryNotFound."""
        row = await self._table.retry(id, datetime.now(UTC))
        self._wake()
        return row

    # -- what is done

    async def _announce(self) -> None:
        more = self._only is None or bool(self._only)
        while more:
            after = await self._last_seen()
            found, looked_at = await self._announcements.unannounced(KINDS, after, self._only)
            plans = [await self._planner.plan(each) for each in found]
            planned: list[Announcement] = [plan for plan, _ in plans if plan is not None]
            seen = min([looked_at, *(left - 1 for _, left in plans if left is not None)])
            await self._write(planned, seen)
            more = bool(planned)

    async def _write(self, planned: Sequence[Announcement], seen: int) -> None:
        """Into the queue, with the last event that was looked at: that alone once in a while."""
        keep = self._only is None and (bool(planned) or self._is_due())
        if planned or keep:
            if await self._announcements.announce(planned, seen if keep else None):
                self._wake()
            self._kept_s = time.monotonic()
        self._seen = seen

    def _is_due(self) -> bool:
        return time.monotonic() - self._kept_s > KEEP_S

    def _wake(self) -> None:
        if self._sender is not None:
            self._sender.wake()

    async def _last_seen(self) -> int:
        if self._only is not None:
            return 0
        if self._seen is None:
            self._seen = await self._announcements.seen()
        return self._seen

    async def _forget(self) -> None:
        await self._table.forget(datetime.now(UTC) - KEPT, MOST_KEPT)


SETTLE_S: Final = CHECKSUMS_S + 10.0
"""How long `orchestrator record` waits for its calls."""
