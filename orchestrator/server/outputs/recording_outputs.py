"""The outputs of recordings, as the API and the command line ask for them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Final

from orchestrator.catalog.models import Recording
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.errors import InvalidRequest, OutputConflict
from orchestrator.outputs.specs import Output
from orchestrator.recordings.output_states import ENDED, OutputState
from orchestrator.recordings.states import ACTIVE
from orchestrator.server.encoders import Encoders
from orchestrator.server.outputs.checks import check_output
from orchestrator.server.outputs.push_check import check_capacity
from orchestrator.server.outputs.rows import output_rows
from orchestrator.settings import Settings

_OF_FAILURES: Final = frozenset({"tries", "failing_since", "fallback_used", "fallback_reason"})
"""Figures of an upload that begin anew with another try."""


class RecordingOutputs:
    """Adds, lists and removes them; who makes them sees it in the catalog."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        encoders: Encoders,
        wake: Callable[[Recording], None],
    ) -> None:
        self._settings, self._catalog, self._encoders = settings, catalog, encoders
        self._wake = wake
        self._table = Outputs(catalog)

    async def of_recording(self, recording_id: str) -> list[OutputRow]:
        """All outputs of a recording, in order; RecordingNotFound."""
        await self._catalog.get(recording_id)
        return await self._table.of_recording(recording_id)

    async def of_recordings(self, ids: Collection[str]) -> dict[str, list[OutputRow]]:
        """Those of several recordings, by recording."""
        return await self._table.of_recordings(ids) if ids else {}

    async def get(self, recording_id: str, id: str) -> OutputRow:
        """One of a recording; OutputNotFound."""
        return await self._table.get(recording_id, id)

    async def current(self) -> list[OutputRow]:
        """Those that haven't ended, and all of recordings that run."""
        return await self._table.current()

    async def counts(self) -> dict[tuple[str, str], int]:
        """How many there are, by type and state."""
        return await self._table.counts()

    async def add(self, recording_id: str, output: Output) -> OutputRow:
        """Adds one to a recording; of one that has ended only an upload.

        Raises RecordingNotFound, InvalidRequest, OutputConflict, TooManyOutputs, NoCapacity.
        """
        recording = await self._catalog.get(recording_id)
        _check_late(output)
        if recording.state not in ACTIVE and output.type != "upload":
            raise OutputConflict(
                f"Recording {recording_id} has ended.", "Of one that has ended, add an upload."
            )
        await check_output(output, self._encoders.pipelines.get(recording.pipeline), self._settings)
        (row,) = await output_rows(self._catalog, self._settings, [output], datetime.now(UTC))
        row.recording_id = recording_id
        await check_capacity(row, recording, self._catalog.active, self._encoders.capacity)
        await self._table.add(row)
        self._wake(recording)
        return row

    async def remove(self, recording_id: str, id: str) -> OutputRow:
        """Ends one; what it made so far stays. OutputNotFound, OutputConflict if it has ended.

        Of an upload that has begun the uploader ends what is open at its target, a moment later.
        """
        row = await self._table.get(recording_id, id)
        if row.state in ENDED or not await self._table.change(id, wanted="remove"):
            raise OutputConflict(f"Output {id} has ended.", "It needs no removal.")
        recording = await self._catalog.get(recording_id)
        has_begun = row.state != OutputState.WAITING or row.started_at is not None or row.attempts
        by_uploader = row.kind == "upload" and has_begun
        if row.kind == "hls" or (recording.state not in ACTIVE and not by_uploader):
            await self._table.change(id, state=OutputState.REMOVED)
        self._wake(recording)
        return await self._table.get(recording_id, id)

    async def retry(self, recording_id: str, id: str) -> OutputRow:
        """Tries one anew that failed or waits for its next try.

        OutputNotFound; OutputConflict if it isn't one that can be tried again.
        """
        row = await self._table.get(recording_id, id)
        recording = await self._catalog.get(recording_id)
        again = row.kind == "upload" or recording.state in ACTIVE
        if row.state not in (OutputState.FAILED, OutputState.RETRYING) or not again:
            raise OutputConflict(f"Output {id} is {row.state}.", "It can't be tried again.")
        columns = {"state": OutputState.WAITING, "next_try_at": None, "ended_at": None}
        columns |= {"error_code": None, "error": None, "detail": None}
        figures = {name: value for name, value in row.figures.items() if name not in _OF_FAILURES}
        await self._table.change(id, ended=True, wanted="run", figures=figures, **columns)
        self._wake(recording)
        return await self._table.get(recording_id, id)


def _check_late(output: Output) -> None:
    """InvalidRequest for what a recording has from its beginning on, or not at all."""
    late = None
    if output.type == "images":
        late = "type", "Images are made from the beginning of a recording on."
    elif output.type == "hls" and output.low_latency:
        late = "low_latency", "Low latency is had from the beginning of a recording on."
    if late is not None:
        field, error = late
        raise InvalidRequest(error, "Name the output in POST /api/recording/start.", field=field)
