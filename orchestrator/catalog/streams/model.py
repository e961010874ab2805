"""The catalog's table of streams that were added at run time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.catalog.models import Base


class AddedStream(Base):
    """A stream with a name of its own that was added at run time."""

    __tablename__ = "streams"

    id: Mapped[str] = mapped_column(String(256), primary_key=True)
    """As recordings call it."""
    definition: Mapped[str] = mapped_column(Text)
    """Where it comes from, sealed, as it has secrets (settings.groups.streams.StreamSettings)."""
    created_at: Mapped[datetime]
