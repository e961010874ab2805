"""The catalog's queue of web hook deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.catalog.models import Base


class Delivery(Base):
    """One event that one receiver is to get; it outlives its recording's row."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("deliveries_in_order", "state", "next_try_at", "id"),
        Index("deliveries_of_recording", "recording_id", "receiver", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    recording_id: Mapped[str] = mapped_column(String(32))
    receiver: Mapped[str] = mapped_column(String(64))
    """Digest of its URL: deliveries of one recording to one receiver are in order."""
    webhook: Mapped[str] = mapped_column(Text)
    """Whom, and how it is signed, sealed (outputs.webhooks.Webhook)."""
    shown_url: Mapped[str] = mapped_column(Text)
    """What anybody may know of its URL."""
    trusted: Mapped[bool]
    """Whether it is one of the settings', which may lead to private addresses."""
    type: Mapped[str] = mapped_column(String(64))
    """Of the event (outputs.webhook_events)."""
    event: Mapped[dict[str, Any]]
    """The body."""
    state: Mapped[str] = mapped_column(String(16), default="waiting", server_default="waiting")
    """waiting, delivered or failed."""
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime]
    next_try_at: Mapped[datetime]
    """While it is being sent: when another process may try it, in case this one has died."""
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    status: Mapped[int | None] = mapped_column(default=None)
    """Of the last answer."""
    error: Mapped[str | None] = mapped_column(Text, default=None)
