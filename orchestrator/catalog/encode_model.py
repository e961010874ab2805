"""The catalog's table of encodes: finished recordings that are encoded again, in a queue.

The server writes `wanted` and starts the process; the process writes how far it is and how it ends.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.catalog.models import Base

ACTIVE_ENCODES = ("queued", "running", "paused")
"""Kept equal to recordings.encodes.states.ACTIVE by a test; the index below needs the literals."""

_IS_ACTIVE = text("state IN ({})".format(", ".join(f"'{s}'" for s in ACTIVE_ENCODES)))


class Encode(Base):
    """One encode of all files of a recording."""

    __tablename__ = "encodes"
    __table_args__ = (
        Index(
            "one_active_encode_per_recording", "recording_id", unique=True, sqlite_where=_IS_ACTIVE
        ),
        Index("encodes_newest_first", "created_at", "id"),
        Index("encodes_by_state", "state", "created_at", "id"),
        Index("encodes_of_recording", "recording_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"))
    request: Mapped[dict[str, Any]]
    """How it is encoded (recordings.encodes.options.EncodeOptions)."""
    wanted: Mapped[str] = mapped_column(String(16), default="encode")
    """`encode` or `cancel`; the server sets it."""
    state: Mapped[str] = mapped_column(String(16), default="queued")
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    """When its first process was started."""
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    progress: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
    """How far it is, at most once a second (transcoding.process.progress)."""
    progress_at: Mapped[datetime | None] = mapped_column(default=None)
    outputs: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The path that each part's new file gets, by the part's number; written before it is made."""
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What came of each part that is done, by its number (transcoding.process.encoded_file)."""
    error_code: Mapped[str | None] = mapped_column(String(32), default=None)
    error: Mapped[str | None] = mapped_column(Text, default=None)
    detail: Mapped[str | None] = mapped_column(Text, default=None)

    worker_pid: Mapped[int | None] = mapped_column(default=None)
    worker_created: Mapped[float | None] = mapped_column(default=None)
    """With pid and boot it identifies one process, as in a recording's row."""
    worker_boot: Mapped[str | None] = mapped_column(String(64), default=None)
    starts: Mapped[int] = mapped_column(default=0)
    deaths: Mapped[int] = mapped_column(default=0)
    """How many of its processes died; those that a power cut ended aren't counted."""
