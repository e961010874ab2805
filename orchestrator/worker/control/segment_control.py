"""What writes a recording's segments, and what controls it: limits, disk, splits."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, Final

from orchestrator.encoding.process.run_result import RunResult, error_lines
from orchestrator.encoding.process.states import ProcessState
from orchestrator.encoding.process.supervisor import Supervisor
from orchestrator.errors import HavenError, WorkerFailed
from orchestrator.periodic import Periodic
from orchestrator.worker.bounds import Bounds
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.context import WorkerContext
from orchestrator.worker.finishing.finish import make_whole_parts
from orchestrator.worker.segments.encoder_speed import EncoderSpeed
from orchestrator.worker.segments.listed_segments import ListedSegments
from orchestrator.worker.task_group import run_together

PERIOD_S: Final = 1.0
"""Between two looks at the disk, the finished parts and the machine."""


class SegmentControl(ABC):
    """`prepare` when the first frame has come, run the supervisor, then `start`.

    `stop` ends the recording with a reason, `fail` with an error.
    """

    def __init__(
        self,
        context: WorkerContext,
        entry: CatalogEntry,
        *,
        stop: Callable[[str], None],
        fail: Callable[[HavenError], None],
    ) -> None:
        self._context, self._entry = context, entry
        self._stop, self._fail = stop, fail
        recording = entry.recording
        self.speed = EncoderSpeed(recording.speed_step, recording.speed_pinned)
        self.supervisor: Supervisor | None = None
        self.running = asyncio.Event()
        """Set when the first frame is written."""
        self._bounds: Bounds | None = None

    @property
    @abstractmethod
    def segments(self) -> ListedSegments | None:
        """Once they are planned."""

    @abstractmethod
    async def prepare(self) -> Supervisor:
        """Plans the segments; nothing is written before the supervisor runs."""

    def start(self) -> asyncio.Task[None]:
        """Controls what is written until the task is cancelled."""
        control = asyncio.create_task(run_together(self._look_after(), *self._beside()))
        control.add_done_callback(self._control_ended)
        return control

    def tick(self) -> None:
        """Ends or splits it when it is time to; call it often."""
        if self.running.is_set() and self._bounds is not None:
            self._bounds.look(may_split=not self._held())

    @abstractmethod
    def _held(self) -> bool:
        """Whether no segment can be cut off yet: its audio waits for its position."""

    def _beside(self) -> list[Coroutine[Any, Any, None]]:
        """What else runs as long."""
        return []

    async def _look_at_machine(self) -> None:  # noqa: B027 - nothing to look at
        """Once a period, beside the disk and the finished parts."""

    async def _look_after(self) -> None:
        """End or split it in time, make files of whole parts."""
        encoding = await self._context.encoding
        segments, bounds = self.segments, self._bounds
        assert segments is not None
        assert bounds is not None

        async def look() -> None:
            await bounds.look_at_disk()
            # Shielded: a file that has been begun is finished; `conclude` waits for it.
            await asyncio.shield(make_whole_parts(self._entry, segments.whole_parts(), encoding))
            await self._look_at_machine()

        await Periodic(look, PERIOD_S, failure=None, together=True).run()

    def _control_ended(self, control: asyncio.Task[None]) -> None:
        """The tasks' boundary: nobody watches the disk any more, so the file is ended safely."""
        problem = None if control.cancelled() else control.exception()
        if problem is not None:
            why = f"Watching the disk, the limits and the CPU failed: {problem!r}."
            self._fail(WorkerFailed(why, "The log in the work folder says more; start it again."))

    def _split(self, why: str = "") -> None:
        assert self.segments is not None
        assert self.supervisor is not None
        self.segments.part += 1
        because = f": {why}" if why else ""
        self._entry.note("split", f"Part {self.segments.part} begins{because}.")
        self.supervisor.split()

    def _run_ended(self, number: int, ending: RunResult) -> None:
        message = f"segment {number} {ending.outcome}, exit code {ending.returncode}"
        if ending.outcome == "failed" and ending.stderr:
            message = f"{message}: {error_lines(ending.stderr)[-1]}"
        data = {"outcome": ending.outcome, "returncode": ending.returncode}
        self._entry.note("segment", message, **data)

    def _run_changed(self, state: ProcessState, why: str) -> None:
        self._entry.note(self._program, f"{state}: {why}", to=state.value)
        if state is ProcessState.RUNNING:
            self.running.set()

    _program = "ffmpeg"
    """What runs, in the event log."""
