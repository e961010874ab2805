"""One output while its worker makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.errors import Unavailable
from orchestrator.outputs.specs import Output
from orchestrator.recordings.output_states import ENDED, OutputState
from orchestrator.worker.context import WorkerContext
from orchestrator.worker.segments.listed_segments import ListedSegments

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class RunningOutput:
    """What its task gets: what was asked for, the recording, and where it says how it stands."""

    id: str
    spec: Output
    recording: Recording
    context: WorkerContext
    segments: Callable[[], ListedSegments | None]
    """Those of the recording; None before the first one."""
    note: Callable[..., None]
    """One line of the recording's event log: `note(kind, message, **data)`."""
    table: Outputs
    trusted: bool = False
    """It may lead to private addresses."""
    recorded: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when everything is written: what is left may be sent, within a few seconds."""
    removed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it isn't wanted any more."""
    again: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is to be tried again at once."""
    state: OutputState = OutputState.WAITING
    figures: Mapping[str, Any] = field(default_factory=dict)
    """Those of its row, of an earlier worker."""
    attempts: int = 0

    @property
    def work(self) -> Path:
        """The recording's work folder."""
        return Path(self.recording.work_directory)

    async def change(self, state: OutputState | None = None, **columns: Any) -> None:
        """Writes how it stands (columns of OutputRow), and a change of its state into the event
        log. A busy catalog is no failure: the next change says it.
        """
        if state is not None and state is not self.state:
            columns["state"] = state.value
            error = columns.get("error")
            self.note(
                "output",
                f"Output {self.spec.type}: {self.state} -> {state}"
                + (f": {error}" if error else ""),
                output_id=self.id,
                **{"type": self.spec.type, "from": self.state.value, "to": state.value},
            )
            self.state = state
        try:
            await self.table.change(self.id, **columns)
        except Unavailable as error:
            log.warning("an output's state was not written", output=self.id, error=error.error)

    def try_again(self) -> None:
        """By request: its row waits, so that it fails anew is another state."""
        if self.state is not OutputState.WAITING:
            self.state = OutputState.WAITING
            self.again.set()

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.state in ENDED


Make = Callable[[RunningOutput], Coroutine[Any, Any, None]]
"""Makes one output, until the recording has ended or it is removed; sets its states, the final one
too. What it raises ends that output only."""
