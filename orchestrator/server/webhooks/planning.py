"""From what isn't announced of a recording to the calls that its web hooks get."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from pydantic import ValidationError

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.webhooks.announcements import (
    BEGINNING,
    END,
    Announcement,
    Unannounced,
)
from orchestrator.catalog.webhooks.model import Delivery
from orchestrator.errors import Unavailable
from orchestrator.outputs.webhook_events import WebhookEvent
from orchestrator.outputs.webhooks import Webhook, plain_webhooks, read_webhooks
from orchestrator.recordings.encryption.sealed_text import seal, unseal
from orchestrator.recordings.outcome import is_final
from orchestrator.recordings.start_request import StartedBy
from orchestrator.recordings.states import RecordingState
from orchestrator.server.webhooks.meanings import Meaning, meanings
from orchestrator.server.webhooks.payload import of_beginning, of_end, of_event

log = structlog.get_logger(__name__)

LAST_LINES_S: Final = 1.0
"""After the end the last lines of an event log may still come."""
CHECKSUMS_S: Final = 10.0
"""How long recording.finished waits for the SHA-256 of its files, which come after the end."""

_OF_FILES: Final = frozenset(
    {
        WebhookEvent.UPLOADED,
        WebhookEvent.UPLOAD_FAILED,
        WebhookEvent.OUTPUT_CHANGED,
        WebhookEvent.ENCODED,
    }
)


@dataclass(frozen=True, slots=True)
class Receiver:
    """A web hook of a recording, as rows have it."""

    webhook: Webhook
    sealed: str
    trusted: bool

    @property
    def id(self) -> str:
        """Of its URL."""
        return hashlib.sha256(self.webhook.url.get_secret_value().encode()).hexdigest()

    def wants(self, type: str) -> bool:
        """Whether it is called for events of this type."""
        return self.webhook.events is None or type in self.webhook.events

    def delivery(self, recording_id: str, body: dict[str, Any], now: datetime) -> Delivery:
        """The row of one call."""
        return Delivery(
            recording_id=recording_id,
            receiver=self.id,
            webhook=self.sealed,
            shown_url=self.webhook.shown_url,
            trusted=self.trusted,
            type=body["type"],
            event=body,
            created_at=now,
            next_try_at=now,
        )


class Planner:
    """Knows the web hooks of the settings, and reads those of requests."""

    def __init__(self, catalog: Catalog, webhooks: Sequence[Webhook], *, anywhere: bool) -> None:
        """`webhooks`: of every recording. `anywhere`: requests' may lead to private addresses."""
        self._catalog, self._webhooks, self._anywhere = catalog, tuple(webhooks), anywhere
        self._own: tuple[Receiver, ...] | None = None

    async def plan(
        self, each: Unannounced, *, at_once: bool = False
    ) -> tuple[Announcement | None, int | None]:
        """What is announced of it now, None if nothing is; and the first event that has to wait.

        What comes of its files follows its end. `at_once`: an end waits for nothing.
        """
        row, now = each.recording, datetime.now(UTC)
        over = is_final(row) and (at_once or _waited_s(row, now) >= LAST_LINES_S)
        means, count = meanings(each.events, now, over=over)
        ends = over and count == len(each.events) and (at_once or not _awaits_checksums(each, now))
        behind = _behind_end(row, means)
        if behind and not ends:
            count = [event.id for event in each.events].index(behind[0].number)
            means, behind = [event for event in means if event.number < behind[0].number], []
        left = each.events[count].id if count < len(each.events) else None
        stage = row.announced or 0
        bodies = [of_event(row, event) for event in means if event not in behind]
        if stage < BEGINNING and (bodies or over or row.started_by == StartedBy.USER):
            stage, bodies = BEGINNING, [of_beginning(row), *bodies]
        if stage == BEGINNING and ends:
            stage, bodies = END, [*bodies, of_end(row, each.files)]
        bodies += [of_event(row, event) for event in behind]
        if stage == row.announced and not bodies:
            return None, left
        last = each.events[count - 1].id if count else row.announced_event or 0
        return Announcement(row, stage, last, await self._deliveries(row, bodies, now)), left

    async def _deliveries(
        self, row: Recording, bodies: Sequence[dict[str, Any]], now: datetime
    ) -> list[Delivery]:
        receivers = await self._receivers(row)
        return [
            receiver.delivery(row.id, body, now)
            for body in bodies
            for receiver in receivers
            if receiver.wants(body["type"])
        ]

    async def _receivers(self, row: Recording) -> list[Receiver]:
        """Those of the settings and of the request; one that is in both is called once."""
        if self._own is None:
            self._own = tuple([await self._receiver(each, True) for each in self._webhooks])
        found = {receiver.id: receiver for receiver in self._own}
        for webhook in await self._requested(row):
            receiver = await self._receiver(webhook, self._anywhere)
            found.setdefault(receiver.id, receiver)
        return list(found.values())

    async def _requested(self, row: Recording) -> Sequence[Webhook]:
        if row.webhooks is None:
            return ()
        try:
            return read_webhooks(await unseal(self._catalog, row.webhooks))
        except Unavailable as error:
            log.error("web hooks of a request can't be read", recording=row.id, error=error.error)
        except ValidationError:
            log.error("web hooks of a request are not valid any more", recording=row.id)
        return ()

    async def _receiver(self, webhook: Webhook, trusted: bool) -> Receiver:
        return Receiver(webhook, await seal(self._catalog, plain_webhooks([webhook])), trusted)


def _behind_end(row: Recording, means: Sequence[Meaning]) -> list[Meaning]:
    """What comes of its files, while its end isn't announced: receivers hear of that first."""
    if row.ended_at is None or not is_final(row) or row.announced == END:
        return []
    return [event for event in means if event.type in _OF_FILES and event.at >= row.ended_at]


def _awaits_checksums(each: Unannounced, now: datetime) -> bool:
    """Whether those of its files may come yet."""
    row = each.recording
    unknown = any(file.sha256 is None and file.integrity is not None for file in each.files)
    waited_s = _waited_s(row, now)
    return row.state == RecordingState.COMPLETED and unknown and waited_s < CHECKSUMS_S


def _waited_s(row: Recording, now: datetime) -> float:
    """Since its end; for ever, if the clock was set back over it."""
    if row.ended_at is None:
        return 0.0
    passed_s = (now - row.ended_at).total_seconds()
    return passed_s if passed_s >= 0 else float("inf")
