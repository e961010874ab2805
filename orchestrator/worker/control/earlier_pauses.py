"""What earlier workers of a recording wrote of its pauses."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.catalog.models import Recording
from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.catalog.store import Catalog
from orchestrator.recordings.pauses.ends import end_before_death


async def earlier_rows(catalog: Catalog, recording: Recording) -> Sequence[Pause]:
    """In order. Only the last may last: one that was over when its worker died gets its end."""
    table = Pauses(catalog)
    rows = await table.of_recording(recording.id)
    if not rows or rows[-1].ended_at is not None:
        return rows
    segments = await catalog.segments(recording.id)
    if end_before_death(last := rows[-1], segments, recording.figures_at):
        await table.put(last)
        message = f"Resumed at {last.at_s:.1f} s; its worker died before it could write that."
        await catalog.add_event(recording.id, "resumed", message, number=last.number)
    return rows
