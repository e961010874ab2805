"""Longer statements of the catalog, and the errors of its constraints. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Delete,
    String,
    Update,
    bindparam,
    literal,
    literal_column,
    tuple_,
)
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from orchestrator.catalog.models import ACTIVE_STATES, Base, Recording
from orchestrator.errors import AlreadyActive, AlreadyEncoding, RecordingNotFound


def check_columns(table: type[Base], columns: dict[str, Any], *, fixed: tuple[str, ...]) -> None:
    """TypeError for a column that the table lacks or that can't change."""
    known = set(table.__mapper__.column_attrs.keys()) - set(fixed)
    if unknown := sorted(set(columns) - known):
        raise TypeError(f"{table.__tablename__} has no column {', '.join(unknown)} to update")


def changed(session: Session, statement: Update | Delete) -> int:
    """Executes a statement; returns how many rows it changed."""
    result = session.execute(statement)
    return result.rowcount if isinstance(result, CursorResult) else 0


def is_active() -> ColumnElement[bool]:
    """Whether a recording has not ended; the states are literals, as in the partial index."""
    states: BindParameter[str] = bindparam(
        "active_states", ACTIVE_STATES, expanding=True, literal_execute=True
    )
    return Recording.state.in_(states)


def matching(state: str | None, stream_id: str | None) -> list[ColumnElement[bool]]:
    """Conditions for a stream, a state or both; both use the index of the stream, which is
    smaller."""
    by_stream = [] if stream_id is None else [Recording.stream_id == stream_id]
    if state is None:
        return by_stream
    # A `+` disables the index of the column (sqlite.org/optoverview.html).
    column = literal_column("+recordings.state", String) if by_stream else Recording.state
    return [*by_stream, column == state]


def older_than(moment: datetime, id: str) -> ColumnElement[bool]:
    """Whether a recording is older than the one with this time and id."""
    return tuple_(Recording.created_at, Recording.id) < tuple_(
        literal(moment, Recording.created_at.type), literal(id)
    )


@contextmanager
def translated(about: str) -> Iterator[None]:
    """Turns violated constraints into errors (sqlite.org/rescode: CONSTRAINT_UNIQUE,
    _FOREIGNKEY)."""
    try:
        yield
    except IntegrityError as error:
        cause = str(error.orig)
        if "recordings.mint_id" in cause:
            raise AlreadyActive(about) from error
        if "encodes.recording_id" in cause:
            raise AlreadyEncoding(about) from error
        if "FOREIGN KEY" in cause:
            raise RecordingNotFound(about) from error
        raise
