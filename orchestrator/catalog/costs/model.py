"""The catalog's table of what encoding costs on a machine."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.catalog.models import Base


class Cost(Base):
    """What one speed step of a pipeline costs on one machine, as measured there."""

    __tablename__ = "costs"

    machine: Mapped[str] = mapped_column(String(256), primary_key=True)
    """Processor, cores and ffmpeg (capacity.calibration)."""
    pipeline: Mapped[str] = mapped_column(String(64), primary_key=True)
    step: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The encoder's own word for it, as in the pipeline."""
    pipeline_digest: Mapped[str] = mapped_column("preset", String(16), server_default="")
    """The digest of the pipeline's file: one that was edited since was not measured."""
    cpu_s_per_megapixel: Mapped[float]
    measured_at: Mapped[datetime]
