"""Keeps the states of outputs of HLS true: the server writes them, as nothing else makes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError, HlsImpossible, HlsNotReady, RecordingNotFound
from orchestrator.periodic import Periodic
from orchestrator.recordings.hls.view import View
from orchestrator.recordings.output_states import OutputState
from orchestrator.recordings.states import ACTIVE, RecordingState
from orchestrator.server.hls.recordings import HlsRecordings

LOOK_S: Final = 1.0

log = structlog.get_logger(__name__)


class HlsOutputStates:
    """waiting until there is a piece, active while it is recorded, complete or failed then."""

    def __init__(self, catalog: Catalog, hls: HlsRecordings) -> None:
        self._catalog, self._hls, self._table = catalog, hls, Outputs(catalog)
        self._failed: dict[str, str] = {}
        """Why outputs could not be looked at the last time."""
        self._looking = Periodic(
            self.look, LOOK_S, failure="states of HLS outputs were not written; trying again"
        )

    def open(self) -> None:
        """Looks once a second, in a task."""
        self._looking.open()

    async def close(self) -> None:
        """Ends it."""
        await self._looking.close()

    async def look(self) -> None:
        """At all outputs of HLS that haven't ended; one that can't be looked at keeps its state."""
        failed: dict[str, str] = {}
        for row in await self._table.unfinished("hls"):
            try:
                await self._look_at(row, await self._catalog.get(row.recording_id))
            except RecordingNotFound:
                continue  # deleted a moment ago, and its outputs with it
            except HavenError as error:
                failed[row.id] = error.error
                if self._failed.get(row.id) != error.error:
                    log.warning(
                        "the state of an HLS output isn't known; looking again",
                        recording_id=row.recording_id,
                        error=error.error,
                    )
        self._failed = failed

    async def _look_at(self, row: OutputRow, recording: Recording) -> None:
        runs = recording.state in ACTIVE
        if runs and row.state == OutputState.ACTIVE:
            return
        if not runs and recording.state != RecordingState.COMPLETED:
            await self._fail(row, HlsImpossible(recording.id, f"it is {recording.state}"))
            return
        try:
            view = await self._hls.current(recording.id)
        except HlsNotReady:
            return
        except HlsImpossible as error:
            await self._fail(row, error)
            return
        begun = {} if row.started_at else {"started_at": datetime.now(UTC)}
        state = OutputState.ACTIVE if runs else OutputState.COMPLETE
        await self._change(row, state, figures=_figures(view, ended=not runs), **begun)

    async def _fail(self, row: OutputRow, error: HavenError) -> None:
        columns = {"error_code": error.code, "error": error.error, "detail": error.detail}
        await self._change(row, OutputState.FAILED, **columns)

    async def _change(self, row: OutputRow, state: OutputState, **columns: Any) -> None:
        if not await self._table.change(row.id, state=state.value, **columns):
            return
        why = f": {columns['error']}" if "error" in columns else ""
        await self._catalog.add_event(
            row.recording_id,
            "output",
            f"Output hls: {row.state} -> {state}{why}",
            **{"output_id": row.id, "type": "hls", "from": row.state, "to": state.value},
        )


def _figures(view: View, *, ended: bool) -> dict[str, Any]:
    figures: dict[str, Any] = {"pieces": view.pieces} if ended else {}
    if view.left_out:
        figures["warning"] = (
            f"HLS has the first track of video only, and all audio; {view.left_out} more of video"
            " in the file."
        )
    return figures
