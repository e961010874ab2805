"""The catalog's table of what HLS had of segments that were joined."""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.catalog.models import Base


class HlsRun(Base):
    """Headers and pieces of one segment, written before it is deleted.

    A player that began while it was recorded goes on with the same ones.
    """

    __tablename__ = "hls_runs"

    recording_id: Mapped[str] = mapped_column(
        ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True
    )
    segment: Mapped[int] = mapped_column(primary_key=True)
    """Its number."""
    init: Mapped[bytes] = mapped_column(LargeBinary)
    """`ftyp` and `moov` of each header (hls.saved.headers)."""
    pieces: Mapped[bytes] = mapped_column(LargeBinary)
    """hls.saved.packed."""
