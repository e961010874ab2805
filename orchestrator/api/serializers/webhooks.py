"""From the rows of web hook deliveries to the wire's types. Pure."""

from __future__ import annotations

from typing import Any

from orchestrator.api.schemas.webhooks.deliveries import DeliveryInfo
from orchestrator.catalog.webhooks.model import Delivery


def values(row: Delivery) -> dict[str, Any]:
    """The fields of DeliveryInfo."""
    same = "id recording_id type event state attempts status error created_at ended_at"
    return {
        **{name: getattr(row, name) for name in same.split()},
        "url": row.shown_url,
        "next_try_at": row.next_try_at if row.state == "waiting" else None,
    }


def info(row: Delivery) -> DeliveryInfo:
    """One delivery."""
    return DeliveryInfo(**values(row))
