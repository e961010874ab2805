"""The catalog's table of sidecar files."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.catalog.models import Base


class SidecarFile(Base):
    """A file beside a recording's own: an image, a sprite, WebVTT, data, the manifest."""

    __tablename__ = "sidecar_files"

    recording_id: Mapped[str] = mapped_column(
        ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(512), primary_key=True)
    """As it is asked for: its path below the folder of the recording's files, with /."""
    kind: Mapped[str] = mapped_column(String(32))
    """recordings.sidecars.names.SidecarKind."""
    path: Mapped[str] = mapped_column(Text)
    """Where it lies now: in the work folder while it is recorded."""
    size_bytes: Mapped[int]
    sha256: Mapped[str | None] = mapped_column(String(64), default=None)
    """None while it grows."""
    at_s: Mapped[float | None] = mapped_column(default=None)
    """Of an image: its time in the recording."""
    made_at: Mapped[datetime]
