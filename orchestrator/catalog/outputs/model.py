"""The catalog's table of outputs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.catalog.models import Base

ENDED = ("complete", "failed", "removed")
"""Kept equal to recordings.output_states.ENDED by a test; the index below needs the literals."""

_IS_OPEN = text("state NOT IN ({})".format(", ".join(f"'{s}'" for s in ENDED)))


class OutputRow(Base):
    """One output of a recording.

    The server creates it and writes `wanted`; who makes the output writes everything else: the
    worker of `push` and `images`, the uploader of `upload`, whoever knows it of `hls`.
    """

    __tablename__ = "outputs"
    __table_args__ = (
        Index("outputs_of_recording", "recording_id", "number"),
        Index("open_outputs", "kind", "created_at", sqlite_where=_IS_OPEN),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"))
    number: Mapped[int]
    """In the order in which they were asked for, from 1."""
    kind: Mapped[str] = mapped_column(String(16))
    """hls, upload, push or images."""
    spec: Mapped[str] = mapped_column(Text)
    """What was asked for, sealed (outputs.specs)."""
    shown: Mapped[dict[str, Any]]
    """The same without secrets."""
    trusted: Mapped[bool] = mapped_column(default=False, server_default="0")
    """It may lead anywhere: the settings or the command line named it."""
    wanted: Mapped[str] = mapped_column(String(16), default="run", server_default="run")
    """`run` or `remove`."""
    state: Mapped[str] = mapped_column(String(16), default="waiting", server_default="waiting")
    """recordings.output_states.OutputState."""
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """What its kind measures: bytes, attempts, where it lies."""
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    error_code: Mapped[str | None] = mapped_column(String(32), default=None)
    error: Mapped[str | None] = mapped_column(Text, default=None)
    """Of the last failure; None once it works again."""
    detail: Mapped[str | None] = mapped_column(Text, default=None)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    next_try_at: Mapped[datetime | None] = mapped_column(default=None)
