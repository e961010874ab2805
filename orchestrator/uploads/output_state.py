"""How an upload stands, as its row has it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError, RecordingNotFound, Unavailable
from orchestrator.recordings.output_states import ENDED, OutputState

log = structlog.get_logger(__name__)

WRITE_S: Final = 1.0
"""Figures are written at most this often."""

_NO_ERROR: Final[dict[str, Any]] = {
    "error_code": None,
    "error": None,
    "detail": None,
    "next_try_at": None,
}


class OutputGone(Exception):
    """The output has ended by other hands: its recording was deleted."""


class UploadState:
    """The row of one upload output, and the lines about it in the recording's event log."""

    def __init__(self, catalog: Catalog, row: OutputRow) -> None:
        self.row = row
        self.figures: dict[str, Any] = dict(row.figures)
        self._catalog, self._table = catalog, Outputs(catalog)
        self._state = OutputState(row.state)
        self._written_s = 0.0

    async def set(self, state: OutputState, **columns: Any) -> None:
        """Writes a state with its figures; OutputGone."""
        before, self._state = self._state, state
        await self._write(state=state.value, **columns)
        if before != state and {before, state} != {OutputState.WAITING, OutputState.ACTIVE}:
            await self._note(before, state, columns.get("error"))

    async def failed(
        self, state: OutputState, error: HavenError, next_try_at: datetime | None
    ) -> None:
        """Writes what went wrong, and when it is tried again."""
        await self.set(
            state,
            error_code=error.code,
            error=error.error,
            detail=error.detail,
            next_try_at=next_try_at,
            attempts=self.row.attempts,
        )

    async def begins(self) -> None:
        """A pass begins. One that failed stays in that state until something has arrived."""
        if self._state != OutputState.RETRYING:
            started = {} if self.row.started_at else {"started_at": datetime.now(UTC)}
            await self.set(OutputState.ACTIVE, next_try_at=None, **started)

    async def works(self) -> None:
        """Something has arrived: no error any more."""
        if self._state == OutputState.RETRYING:
            await self.set(OutputState.ACTIVE, **_NO_ERROR)

    async def goes_on(self) -> None:
        """The next pass begins at once."""
        await self._write(state=self._state.value, next_try_at=None)

    @property
    def has_ended(self) -> bool:
        """Whether this is its last state."""
        return self._state in ENDED

    async def completes(self) -> None:
        """All is there."""
        await self.set(OutputState.COMPLETE, **_NO_ERROR)

    def forget_failures(self) -> None:
        """It went on: what fails now is another outage."""
        for name in ("tries", "failing_since"):
            self.figures.pop(name, None)

    async def tell(self) -> None:
        """Writes the figures, not more often than once a second; OutputGone."""
        if time.monotonic() - self._written_s >= WRITE_S:
            await self._write()

    async def _write(self, **columns: Any) -> None:
        self._written_s = time.monotonic()
        try:
            there = await self._table.change(self.row.id, figures=dict(self.figures), **columns)
        except Unavailable as error:
            if "state" in columns:
                raise
            log.warning("an upload's figures were not written", error=error.error)
            return
        if not there:
            raise OutputGone

    async def _note(self, before: OutputState, state: OutputState, error: str | None) -> None:
        message = f"{before} -> {state}" + (f": {error}" if error else "")
        await self.note(message, **{"from": before.value, "to": state.value})

    async def note(self, message: str, **data: str) -> None:
        """A line in the recording's event log; OutputGone."""
        data |= {"output_id": self.row.id, "type": "upload"}
        try:
            await self._catalog.add_event(
                self.row.recording_id, "output", f"Output upload: {message}", **data
            )
        except RecordingNotFound as gone:
            raise OutputGone from gone
        except Unavailable as unwritten:
            log.warning("event not written", error=unwritten.error)
