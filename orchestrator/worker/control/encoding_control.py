"""One recording's ffmpegs, and what controls them: limits, disk, speed and frame size."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.encoding.process.supervisor import Supervisor
from orchestrator.errors import HavenError
from orchestrator.mediafiles.headroom import has_headroom
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.context import WorkerContext
from orchestrator.worker.control.canvas_control import CanvasControl
from orchestrator.worker.control.segment_control import SegmentControl
from orchestrator.worker.control.speed_control import SpeedControl, create_speed_control
from orchestrator.worker.recording_setup import create_bounds, create_segments
from orchestrator.worker.segments.segments import Segments
from orchestrator.worker.tracks.decoded_capture import DecodedCapture


class EncodingControl(SegmentControl):
    """Of a recording that is encoded by ffmpeg."""

    def __init__(
        self,
        context: WorkerContext,
        entry: CatalogEntry,
        capture: DecodedCapture,
        *,
        stop: Callable[[str], None],
        fail: Callable[[HavenError], None],
    ) -> None:
        super().__init__(context, entry, stop=stop, fail=fail)
        self._capture = capture
        self._segments: Segments | None = None
        self._speed_control: SpeedControl | None = None

    @property
    def segments(self) -> Segments | None:
        """Once they are planned."""
        return self._segments

    async def prepare(self) -> Supervisor:
        """Plans the segments; nothing is encoded before the supervisor runs."""
        context, capture, settings = self._context, self._capture, self._context.settings
        recording, note = self._entry.recording, self._entry.note
        self._segments = segments = await create_segments(
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
            self._run_changed,
            self._run_ended,
            max_restarts=settings.max_restarts,
            has_headroom=partial(has_headroom, Path(recording.work_directory)),
        )
        return self.supervisor

    def tick(self) -> None:
        """Ends, splits or changes the speed when it is time to; call it often."""
        super().tick()
        if not self.running.is_set() or self.supervisor is None:
            return
        if self._capture.paused is not None and self._speed_control is not None:
            self._speed_control.pause()
        if self._speed_control is not None and not self._held():
            self._speed_control.look(self.supervisor)

    def _held(self) -> bool:
        return self._capture.timeline.held or self._capture.paused is not None

    def _beside(self) -> list[Coroutine[Any, Any, None]]:
        assert self._segments is not None
        assert self.supervisor is not None
        assert self._speed_control is not None
        canvas_control = CanvasControl(
            self._capture.canvas_policy,
            self._segments,
            self._speed_control,
            self.supervisor,
            self._entry.note,
            held=self._held,
        )
        return [canvas_control.run()]

    async def _look_at_machine(self) -> None:
        """Ask for CPU that others have left, follow the frame rate."""
        assert self.supervisor is not None
        assert self._speed_control is not None
        await self._speed_control.ask_for_cpu()
        await self._speed_control.follow_rate(self.supervisor)
