"""Web hook deliveries in memory, which nobody makes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from orchestrator.catalog.webhooks.model import Delivery
from orchestrator.errors import DeliveryNotFound


class MemoryWebhooks:
    """The protocol's Webhooks."""

    def __init__(self) -> None:
        self.rows: list[Delivery] = []

    async def page(
        self, *, limit: int, offset: int, state: str | None = None, recording_id: str | None = None
    ) -> tuple[list[Delivery], int]:
        """Newest first, and how many there are."""
        found = [
            row
            for row in reversed(self.rows)
            if state in (None, row.state) and recording_id in (None, row.recording_id)
        ]
        return found[offset : offset + limit], len(found)

    async def counts(self) -> dict[str, int]:
        """By state."""
        return dict(Counter(row.state for row in self.rows))

    async def retry(self, id: int) -> Delivery:
        """Lets one wait again."""
        for row in self.rows:
            if row.id == id:
                row.state, row.attempts = "waiting", 0
                return row
        raise DeliveryNotFound(str(id))


def delivery(id: int, state: str = "waiting", recording_id: str = "r1") -> Delivery:
    """One call that was tried twice."""
    now = datetime.now(UTC)
    return Delivery(
        id=id,
        recording_id=recording_id,
        receiver="00" * 32,
        webhook="sealed",
        shown_url="https://hooks.example/***",
        trusted=True,
        type="recording.finished",
        event={"id": f"{recording_id}.ended", "type": "recording.finished"},
        state=state,
        attempts=2,
        status=503,
        error="HTTP 503",
        created_at=now,
        next_try_at=now,
        ended_at=None if state == "waiting" else now,
    )
