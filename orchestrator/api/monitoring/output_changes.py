"""Finds what has changed of recordings' outputs, for the live events."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi.sse import ServerSentEvent

from orchestrator.api.monitoring.event_hub import frame
from orchestrator.api.recording_parts import Outputs
from orchestrator.api.serializers import outputs as serialize
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.errors import OutputNotFound


class OutputChanges:
    """The outputs as they were at the last look."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self.current: Sequence[OutputRow] = ()
        """Those that haven't ended, and all of recordings that run."""
        self._versions: dict[str, tuple[object, ...]] = {}

    async def look(self) -> list[ServerSentEvent]:
        """An event for each output that is new, has other figures or another state."""
        rows = await self._outputs.current()
        before = self._versions
        self._versions = {row.id: _version(row) for row in rows}
        changed = [row for row in rows if before.get(row.id) != self._versions[row.id]]
        for old in self.current:
            if old.id not in self._versions:
                changed += await self._ended(old, before[old.id])
        self.current = rows
        return [frame("output", serialize.info(row).model_dump_json()) for row in changed]

    async def _ended(self, old: OutputRow, version: tuple[object, ...]) -> list[OutputRow]:
        """As it is now, unless it was deleted with its recording, or only its recording ended."""
        try:
            row = await self._outputs.get(old.recording_id, old.id)
        except OutputNotFound:
            return []
        return [row] if _version(row) != version else []


def _version(row: OutputRow) -> tuple[object, ...]:
    """What is shown of it."""
    return row.state, row.attempts, row.error, row.detail, row.next_try_at, repr(row.figures)
