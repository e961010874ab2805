"""Queues of web hooks over a real catalog, with recordings whose rows tests write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.webhooks.model import Delivery
from orchestrator.outputs.webhooks import Webhook
from orchestrator.recordings.encryption.request_secrets import sealed_webhooks
from orchestrator.server.webhooks import schedule, sender, webhooks
from orchestrator.server.webhooks.webhooks import WebhookQueue
from orchestrator.settings import Settings
from tests.kit.catalog.rows import recording, url_of

ALL = ["recording.started", "recording.joined", "recording.first_frame", "recording.finished"]
"""What receivers get of a recording."""


@asynccontextmanager
async def catalog_in(folder: Path) -> AsyncIterator[Catalog]:
    """A new catalog, or the one that is there."""
    catalog = Catalog(url_of(folder / "catalog.db"))
    await catalog.open(migrate=True)
    try:
        yield catalog
    finally:
        await catalog.close()


@asynccontextmanager
async def queue_of(
    catalog: Catalog, *hooks: Webhook, all_recordings: bool = True, **settings: Any
) -> AsyncIterator[WebhookQueue]:
    """A queue that runs, with these hooks in its settings."""
    queue = WebhookQueue(Settings(webhooks=list(hooks), **settings), catalog)
    queue.open(all_recordings=all_recordings)
    try:
        yield queue
    finally:
        await queue.close()


def hasten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks and first retries come at once."""
    monkeypatch.setattr(webhooks, "LOOK_S", 0.05)
    monkeypatch.setattr(sender, "SHORTEST_REST_S", 0.02)
    monkeypatch.setattr(schedule, "FIRST_S", 0.05)


def hook(url: str, **values: Any) -> Webhook:
    return Webhook.model_validate({"url": url, **values})


async def begin(
    catalog: Catalog, id: str, requested: Sequence[Webhook] = (), **columns: Any
) -> None:
    """A recording that was asked for just now."""
    row = recording(id, f"stream-{id}", created_at=datetime.now(UTC), **columns)
    row.webhooks = await sealed_webhooks(catalog, requested)
    await catalog.create(row)


async def run(catalog: Catalog, id: str) -> None:
    """It joins and records."""
    await catalog.add_event(id, "joined", "Connected.")
    change = {"from": "starting", "to": "recording"}
    await catalog.add_event(id, "state", "starting -> recording", **change)
    await catalog.update(id, state="recording", started_at=datetime.now(UTC))


async def end(
    catalog: Catalog, id: str, state: str = "completed", *, ago_s: float = 60, **columns: Any
) -> None:
    """It ended a while ago."""
    ended_at = datetime.now(UTC) - timedelta(seconds=ago_s)
    await catalog.update(id, state=state, ended_at=ended_at, **columns)


async def whole(catalog: Catalog, id: str) -> None:
    """A recording from its beginning to its end."""
    await begin(catalog, id)
    await run(catalog, id)
    await catalog.put_file(file_of(id))
    await end(catalog, id, duration_s=2.5, size_bytes=1000, reason="stopped")


def file_of(id: str, number: int = 1, sha256: str | None = "ab" * 32) -> File:
    return File(
        recording_id=id,
        number=number,
        path=f"/secret/folder/{id}-{number}.mkv",
        offset_s=0.0,
        duration_s=2.5,
        size_bytes=1000,
        integrity="whole",
        sha256=sha256,
        made_at=datetime.now(UTC),
    )


async def until_state(queue: WebhookQueue, state: str, count: int) -> list[Delivery]:
    """The deliveries in this state, once there are so many; newest first."""
    async with asyncio.timeout(15):
        while True:
            rows, total = await queue.page(limit=200, offset=0, state=state)
            if total >= count:
                return rows
            await asyncio.sleep(0.02)
