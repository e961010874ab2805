"""What every recording writes once a second, as statements that are built once. Pure.

They name tables, not classes: a session's bookkeeping for rows that nobody reads again took twice
the time of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, delete, inspect, select, update
from sqlalchemy.dialects.sqlite import Insert, insert

from orchestrator.catalog.models import Base, Recording, Sample, Segment

SAMPLES_KEPT: Final = timedelta(hours=1)


def _table(of: type[Base]) -> Table:
    table = of.__table__
    assert isinstance(table, Table)
    return table


_RECORDINGS: Final = _table(Recording)
_SAMPLES: Final = _table(Sample)
_SEGMENTS: Final = _table(Segment)

_REPORT: Final = (
    update(_RECORDINGS)
    .where(_RECORDINGS.c.id == bindparam("about"))
    .values(figures=bindparam("new_figures"), figures_at=bindparam("new_figures_at"))
)

_ADD_SAMPLE: Final = insert(_SAMPLES)

_OLDEST: Final = (
    select(_SAMPLES.c.id, _SAMPLES.c.at)
    .where(_SAMPLES.c.recording_id == bindparam("about"))
    .order_by(_SAMPLES.c.id)
    .limit(bindparam("most"))
    .subquery()
)
_DELETE_OLD: Final = delete(_SAMPLES).where(
    _SAMPLES.c.id.in_(
        select(_OLDEST.c.id).where(_OLDEST.c.at < bindparam("outdated", type_=_SAMPLES.c.at.type))
    )
)


def write_figures(connection: Connection, id: str, figures: dict[str, Any], at: datetime) -> bool:
    """Those of a running recording; whether it exists."""
    values = {"about": id, "new_figures": figures, "new_figures_at": at}
    return connection.execute(_REPORT, values).rowcount > 0


def add_samples(connection: Connection, id: str, samples: Sequence[Sample]) -> None:
    """Adds them, and deletes outdated ones, a few more, so that their number stays bounded."""
    if not samples:
        return
    outdated = max(sample.at for sample in samples) - SAMPLES_KEPT
    values = {"about": id, "most": len(samples) + 16, "outdated": outdated}
    connection.execute(_DELETE_OLD, values)
    connection.execute(_ADD_SAMPLE, [_columns(sample) for sample in samples])


def put_segment(connection: Connection, segment: Segment) -> None:
    """Adds it to its recording, or sets the columns that it has in the row with its number."""
    columns = _columns(segment)
    connection.execute(_put_segment(frozenset(columns)), columns)


@cache
def _put_segment(columns: frozenset[str]) -> Insert:
    adding = insert(_SEGMENTS)
    keys = [column.name for column in _SEGMENTS.primary_key]
    new = {name: adding.excluded[name] for name in sorted(columns.difference(keys))}
    return adding.on_conflict_do_update(index_elements=keys, set_=new)


def _columns(row: Base) -> dict[str, Any]:
    """Those that were set."""
    names = inspect(type(row)).column_attrs.keys()
    return {name: value for name, value in vars(row).items() if name in names}
