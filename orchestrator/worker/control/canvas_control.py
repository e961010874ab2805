"""Begins a new segment when a recording's canvas follows its source, if the CPU suffices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from orchestrator.encoding.process.supervisor import Supervisor
from orchestrator.errors import HavenError
from orchestrator.periodic import Periodic
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.recordings.limits import MOST_PARTS
from orchestrator.worker.control.speed_control import Note, SpeedControl
from orchestrator.worker.segments.segments import Segments
from orchestrator.worker.tracks.canvas_policy import CanvasPolicy

log = structlog.get_logger(__name__)

LOOK_S: Final = 0.1


class CanvasControl:
    """Changes one recording's canvas until it is cancelled."""

    def __init__(
        self,
        canvas_policy: CanvasPolicy,
        segments: Segments,
        speed_control: SpeedControl,
        supervisor: Supervisor,
        note: Note,
        *,
        held: Callable[[], bool] = lambda: False,
    ) -> None:
        self._canvas_policy, self._segments, self._speed_control = (
            canvas_policy,
            segments,
            speed_control,
        )
        self._supervisor, self._note = supervisor, note
        self._held = held
        """Whether no segment can be ended now."""
        self._refused: CanvasSize | None = None
        """A size that was refused: its refusal is noted once."""

    async def run(self) -> None:
        """Until cancelled."""
        await Periodic(self._look, LOOK_S, failure=None).run()

    async def _look(self) -> None:
        if not self._held() and (canvas := self._canvas_policy.due()) is not None:
            await self.change_to(canvas)

    async def change_to(self, canvas: CanvasSize) -> None:
        """Uses this size in the next segment, or notes why not."""
        segments, mixed = self._segments, self._segments.encoding.pipeline.mixed_sizes
        before = segments.canvas
        if not mixed and segments.part >= MOST_PARTS:
            self._refuse(canvas, f"the recording has {MOST_PARTS} files already")
            return
        try:
            await self._speed_control.resize(canvas)
        except (HavenError, OSError) as error:  # no CPU left, a busy catalog, a changed ffmpeg
            self._refuse(canvas, error.error if isinstance(error, HavenError) else str(error))
            return
        self._canvas_policy.changed(canvas)
        self._refused = None
        # A file that can't hold both sizes ends here, as where it is split.
        segments.part += 0 if mixed else 1
        self._note("canvas", f"frame size {before} -> {canvas}")
        self._supervisor.split()

    def _refuse(self, canvas: CanvasSize, reason: str) -> None:
        self._canvas_policy.refused(reason)
        if canvas != self._refused:
            stays = f"frame size stays {self._segments.canvas}, not {canvas}"
            self._note("canvas", f"{stays}: {reason}")
        self._refused = canvas
