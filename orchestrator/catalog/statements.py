"""Statements of the catalog that take more than a line, and what its constraints mean. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Delete, Update, delete, select
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from orchestrator.catalog.models import ACTIVE_STATES, Base, Recording, Sample
from orchestrator.errors import AlreadyActive, RecordingNotFound

SAMPLES_KEPT: Final = timedelta(hours=1)


def check_columns(table: type[Base], columns: dict[str, Any], *, fixed: tuple[str, ...]) -> None:
    """TypeError for a column that the table lacks, or that never changes."""
    known = set(table.__mapper__.column_attrs.keys()) - set(fixed)
    if unknown := sorted(set(columns) - known):
        raise TypeError(f"{table.__tablename__} has no column {', '.join(unknown)} to update")


def old_samples(recording_id: str, added: Sequence[Sample]) -> Delete:
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


def is_active() -> ColumnElement[bool]:
    """Whether a recording is neither completed nor failed."""
    return Recording.state.in_(ACTIVE_STATES)


@contextmanager
def translated(about: str) -> Iterator[None]:
    """Says what a refused constraint means (sqlite.org/rescode: CONSTRAINT_UNIQUE, _FOREIGNKEY)."""
    try:
        yield
    except IntegrityError as error:
        cause = str(error.orig)
        if "recordings.mint_id" in cause:
            raise AlreadyActive(about) from error
        if "FOREIGN KEY" in cause:
            raise RecordingNotFound(about) from error
        raise
