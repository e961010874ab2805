"""Outputs of recordings in memory, of which nothing is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from uuid import uuid4

from orchestrator.catalog.models import Recording
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.errors import OutputConflict, OutputNotFound, RecordingNotFound
from orchestrator.outputs.specs import Output, shown
from orchestrator.recordings.output_states import ENDED, OutputState
from orchestrator.recordings.states import ACTIVE


class MemoryOutputs:
    """The protocol's Outputs, for the recordings that `known` has."""

    def __init__(self, known: Callable[[str], Recording | None]) -> None:
        self._known = known
        self.rows: list[OutputRow] = []

    async def of_recording(self, recording_id: str) -> list[OutputRow]:
        """Those that were added."""
        if self._known(recording_id) is None:
            raise RecordingNotFound(recording_id)
        return [row for row in self.rows if row.recording_id == recording_id]

    async def of_recordings(self, ids: Collection[str]) -> dict[str, list[OutputRow]]:
        """Those of several."""
        return {id: [row for row in self.rows if row.recording_id == id] for id in ids}

    async def current(self) -> list[OutputRow]:
        """Those that haven't ended, and all of recordings that run."""
        return [row for row in self.rows if row.state not in ENDED or self._runs(row)]

    def _runs(self, row: OutputRow) -> bool:
        recording = self._known(row.recording_id)
        return recording is not None and recording.state in ACTIVE

    async def counts(self) -> dict[tuple[str, str], int]:
        """By type and state."""
        return dict(Counter((row.kind, row.state) for row in self.rows))

    async def add(self, recording_id: str, output: Output) -> OutputRow:
        """Adds one that waits."""
        rows = await self.of_recording(recording_id)
        row = OutputRow(
            id=uuid4().hex,
            recording_id=recording_id,
            number=len(rows) + 1,
            kind=output.type,
            spec="sealed",
            shown=shown(output),
            wanted="run",
            state=OutputState.WAITING.value,
            figures={},
            attempts=0,
            created_at=datetime.now(UTC),
        )
        self.rows.append(row)
        return row

    async def remove(self, recording_id: str, id: str) -> OutputRow:
        """Ends it."""
        row = await self.get(recording_id, id)
        if row.state in ENDED:
            raise OutputConflict(f"Output {id} has ended.", "It needs no removal.")
        row.state, row.ended_at = OutputState.REMOVED.value, datetime.now(UTC)
        return row

    async def retry(self, recording_id: str, id: str) -> OutputRow:
        """Lets one that failed wait again."""
        row = await self.get(recording_id, id)
        if row.state != OutputState.FAILED:
            raise OutputConflict(f"Output {id} is {row.state}.", "It can't be tried again.")
        row.state, row.ended_at = OutputState.WAITING.value, None
        return row

    async def get(self, recording_id: str, id: str) -> OutputRow:
        """By its id."""
        for row in await self.of_recording(recording_id):
            if row.id == id:
                return row
        raise OutputNotFound(id)
