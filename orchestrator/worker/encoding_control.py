"""One recording's ffmpegs, and what controls them: limits, disk, speed and frame size."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from orchestrator.encoding.process.run_result import RunResult
from orchestrator.encoding.process.states import ProcessState
from orchestrator.encoding.process.supervisor import Supervisor
from orchestrator.errors import HavenError, WorkerFailed
from orchestrator.mediafiles.headroom import has_headroom
from orchestrator.periodic import Periodic
from orchestrator.worker.bounds import Bounds
from orchestrator.worker.canvas_control import CanvasControl
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.context import WorkerContext
from orchestrator.worker.finishing.finish import make_whole_parts
from orchestrator.worker.recording_setup import create_bounds, create_segments
from orchestrator.worker.segments.encoder_speed import EncoderSpeed
from orchestrator.worker.segments.segments import Segments
from orchestrator.worker.speed_control import SpeedControl, create_speed_control
from orchestrator.worker.task_group import run_together
from orchestrator.worker.tracks.capture import Capture

PERIOD_S: Final = 1.0
"""Between two looks at the disk, the finished parts and the machine."""


class EncodingControl:
    """`prepare` when the first frame has come, run the supervisor, then `start`.

    `stop` ends the recording with a reason, `fail` with an error.
    """

    def __init__(
        self,
        context: WorkerContext,
        entry: CatalogEntry,
        capture: Capture,
        *,
        stop: Callable[[str], None],
        fail: Callable[[HavenError], None],
    ) -> None:
        self._context, self._entry, self._capture = context, entry, capture
        self._stop, self._fail = stop, fail
        recording = entry.recording
        self.speed = EncoderSpeed(recording.speed_step, recording.speed_pinned)
        self.segments: Segments | None = None
        self.supervisor: Supervisor | None = None
        self.running = asyncio.Event()
        """Set when ffmpeg has encoded its first frame."""
        self._bounds: Bounds | None = None
        self._speed_control: SpeedControl | None = None

    async def prepare(self) -> Supervisor:
        """Plans the segments; nothing is encoded before the supervisor runs."""
        context, capture, settings = self._context, self._capture, self._context.settings
        recording, note = self._entry.recording, self._entry.note
        self.segments = segments = await create_segments(
            recording,
            context.catalog,
            capture,
            await context.encoding,
            self.speed,
            runtime=context.runtime,
            preview=context.preview,
        )
        self._bounds = await create_bounds(
            segments, settings, stop=self._stop, split=self._split, fail=self._fail
        )
        self._speed_control = await create_speed_control(
            segments,
            settings,
            note,
            has_video=lambda: capture.selection.video is not None,
            measured_fps=lambda: capture.rate.fps,
        )
        self.supervisor = Supervisor(
            segments.begin,
            self._ffmpeg_changed,
            self._ffmpeg_ended,
            max_restarts=settings.max_restarts,
            has_headroom=partial(has_headroom, Path(recording.work_directory)),
        )
        return self.supervisor

    def start(self) -> asyncio.Task[None]:
        """Controls what is encoded until the task is cancelled."""
        assert self.segments is not None
        assert self.supervisor is not None
        assert self._bounds is not None
        assert self._speed_control is not None
        canvas_control = CanvasControl(
            self._capture.canvas_policy,
            self.segments,
            self._speed_control,
            self.supervisor,
            self._entry.note,
            held=self._held,
        )
        looking = self._look_after(
            self.segments, self._bounds, self._speed_control, self.supervisor
        )
        control = asyncio.create_task(run_together(looking, canvas_control.run()))
        control.add_done_callback(self._control_ended)
        return control

    def tick(self) -> None:
        """Ends, splits or changes the speed when it is time to; call it often."""
        if not self.running.is_set() or self.supervisor is None:
            return
        if self._bounds is not None:
            self._bounds.look(may_split=not self._held())
        if self._speed_control is not None and not self._held():
            self._speed_control.look(self.supervisor)

    def _held(self) -> bool:
        """No segment can be cut off yet: its audio waits for its position."""
        return self._capture.timeline.held

    async def _look_after(
        self,
        segments: Segments,
        bounds: Bounds,
        speed_control: SpeedControl,
        supervisor: Supervisor,
    ) -> None:
        """End or split it in time, make files of whole parts, ask for CPU that others have left."""
        encoding = await self._context.encoding

        async def look() -> None:
            await bounds.look_at_disk()
            # Shielded: a file that has been begun is finished; `conclude` waits for it.
            await asyncio.shield(make_whole_parts(self._entry, segments.whole_parts(), encoding))
            await speed_control.ask_for_cpu()
            await speed_control.follow_rate(supervisor)

        await Periodic(look, PERIOD_S, failure=None).run()

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

    def _ffmpeg_changed(self, state: ProcessState, why: str) -> None:
        self._entry.note("ffmpeg", f"{state}: {why}", to=state.value)
        if state is ProcessState.RUNNING:
            self.running.set()

    def _ffmpeg_ended(self, number: int, ending: RunResult) -> None:
        message = f"segment {number} {ending.outcome}, exit code {ending.returncode}"
        data = {"outcome": ending.outcome, "returncode": ending.returncode}
        self._entry.note("segment", message, **data)
