"""Outputs that nobody makes any more: their recording ended without them, or they can't be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError, RecordingNotFound
from orchestrator.recordings.output_states import ENDED, OutputState

BY_WORKERS: Final = frozenset({"images", "push"})
"""Kinds that a recording's worker makes."""

_ENDED: Final = "The recording ended before this output did."
_WHY: Final = "Its worker had been killed, or it was added when nothing was recorded any more"


async def end_left(catalog: Catalog, recording_id: str) -> None:
    """Of a recording that has ended: what its worker should have made and didn't end has failed."""
    await _end(catalog, await Outputs(catalog).of_recording(recording_id))


async def end_all_left(catalog: Catalog) -> None:
    """The same for all recordings that have ended."""
    await _end(catalog, await Outputs(catalog).left(BY_WORKERS))


async def end_output(
    catalog: Catalog, row: OutputRow, state: OutputState, error: HavenError | None = None
) -> None:
    """Ends one that no task makes, with a line in its recording's event log."""
    failed: dict[str, Any] = (
        {"error_code": error.code, "error": error.error, "detail": error.detail} if error else {}
    )
    if not await Outputs(catalog).change(row.id, state=state.value, next_try_at=None, **failed):
        return
    message = f"Output {row.kind}: {row.state} -> {state}" + (f": {error.error}" if error else "")
    change = {"type": row.kind, "from": row.state, "to": state.value}
    await catalog.add_event(row.recording_id, "output", message, output_id=row.id, **change)


async def _end(catalog: Catalog, rows: Iterable[OutputRow]) -> None:
    for row in rows:
        if row.kind not in BY_WORKERS or row.state in ENDED:
            continue
        last = f"; it had failed before: {row.error}" if row.error else "."
        failed = (OutputState.FAILED, HavenError(_ENDED, _WHY + last))
        how = (OutputState.REMOVED, None) if row.wanted == "remove" else failed
        try:
            await end_output(catalog, row, *how)
        except RecordingNotFound:
            continue  # deleted a moment ago, and its outputs with it
