"""Wire types of web hooks: the calls that are to be made, and those that were."""

from __future__ import annotations

from typing import Any, Literal

from orchestrator.api.schemas.common import RECORDING_ID, Moment, Wire, example, example_of
from orchestrator.outputs.webhook_events import WebhookEvent

DeliveryState = Literal["waiting", "delivered", "failed"]


class DeliveryInfo(Wire):
    """One event that one receiver is to get."""

    id: int
    recording_id: str
    url: str
    """The receiver: its path and query are not shown."""
    type: WebhookEvent
    """Of the event."""
    event: dict[str, Any]
    """What is sent: `id`, `type`, `timestamp`, `recording` and `data`."""
    state: DeliveryState
    """waiting: it is sent at `next_try_at`, once those before it are. failed: it is given up."""
    attempts: int
    status: int | None
    """HTTP status of the last answer; null: there was none."""
    error: str | None
    """What is wrong with the last attempt."""
    created_at: Moment
    next_try_at: Moment | None
    """Null once it has ended."""
    ended_at: Moment | None

    model_config = example(
        {
            "id": 17,
            "recording_id": RECORDING_ID,
            "url": "https://hooks.example.org/***",
            "type": "recording.finished",
            "event": {
                "id": f"{RECORDING_ID}.ended",
                "type": "recording.finished",
                "timestamp": "2024-12-01T14:31:07+00:00",
                "recording": {"id": RECORDING_ID},
                "data": {"duration_s": 45.2},
            },
            "state": "waiting",
            "attempts": 2,
            "status": 503,
            "error": "HTTP 503: busy",
            "created_at": "2024-12-01T14:31:08Z",
            "next_try_at": "2024-12-01T14:31:28Z",
            "ended_at": None,
        }
    )


class DeliveryAnswer(DeliveryInfo):
    """A delivery that is tried again."""

    success: Literal[True] = True

    model_config = example({"success": True, **example_of(DeliveryInfo)})


class DeliveryList(Wire):
    """Deliveries, newest first."""

    success: Literal[True] = True
    deliveries: list[DeliveryInfo]
    total: int
    limit: int
    offset: int

    model_config = example(
        {
            "success": True,
            "deliveries": [example_of(DeliveryInfo)],
            "total": 1,
            "limit": 50,
            "offset": 0,
        }
    )
