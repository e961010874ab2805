"""Statements of the catalog that take more than a line. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Delete, Update, delete, select
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from orchestrator.catalog.models import Base, Sample

SAMPLES_KEPT: Final = timedelta(hours=1)


def check_columns(table: type[Base], columns: dict[str, Any], *, fixed: tuple[str, ...]) -> None:
    """TypeError for a column that the table lacks, or that never changes."""
    known = set(table.__mapper__.column_attrs.keys()) - set(fixed)
    if unknown := sorted(set(columns) - known):
        raise TypeError(f"{table.__tablename__} has no column {', '.join(unknown)} to update")


def old_samples(recording_id: str, added: list[Sample]) -> Delete:
    """Deletes outdated ones among the oldest: a few more than are added, so it keeps pace."""
    newest = max(sample.at for sample in added)
    mine = select(Sample.id, Sample.at).where(Sample.recording_id == recording_id)
    oldest = mine.order_by(Sample.id).limit(len(added) + 16).subquery()
    outdated = select(oldest.c.id).where(oldest.c.at < newest - SAMPLES_KEPT)
    return delete(Sample).where(Sample.id.in_(outdated))


def changed(session: Session, statement: Update | Delete) -> int:
    """Executes it; how many rows it touched."""
    result = session.execute(statement)
    return result.rowcount if isinstance(result, CursorResult) else 0
