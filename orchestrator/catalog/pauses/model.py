"""The catalog's table of pauses."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.catalog.models import Base


class Pause(Base):
    """One pause of a recording; its worker writes it."""

    __tablename__ = "pauses"

    recording_id: Mapped[str] = mapped_column(
        ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    """From 1."""
    mode: Mapped[str] = mapped_column(String(16))
    """cut: its time isn't in the file. still: a still frame and silence stand for it."""
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    at_s: Mapped[float]
    """Where it begins in the recording's file time."""
    length_s: Mapped[float | None] = mapped_column(default=None)
    """How long it was; None while it lasts."""
