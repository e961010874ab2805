"""Watches one recording's encoder and changes its speed step: each change is a new segment.

The writer ends its pipe at one sample and the next ffmpeg begins at just that one
(pipes.segment_boundary), so that nothing which the queue holds is lost.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from orchestrator.capacity.admission import (
    Capacity,
    capacity,
    reserve_known_size,
    reserve_larger_size,
    reserve_slower_step,
)
from orchestrator.capacity.costs import costs_of
from orchestrator.capacity.cpu_budget import AUDIO_ONLY, Costs, EncoderInput
from orchestrator.capacity.frame_rate_plan import FrameRatePlan
from orchestrator.capacity.speed_policy import EncoderSample, SpeedPolicy
from orchestrator.catalog.reservations import Admit
from orchestrator.encoding.pipeline.threads import threads_for
from orchestrator.encoding.process.prepared_run import SupervisedRun
from orchestrator.encoding.process.supervisor import Supervisor
from orchestrator.errors import HavenError, Unavailable
from orchestrator.monitor.machine import CoreMeter, cores_allowed
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.settings import Settings
from orchestrator.worker.segments.segments import Segments

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
ASK_S: Final = 30.0
"""Seconds between two requests for CPU that other recordings have left."""

WINDOW: Final = 3
"""Looks over which the encoder's speed is averaged: its progress comes in bursts."""

Note = Callable[[str, str], None]


class SpeedControl:
    """Looks at the encoder at most once a second, however often it is called."""

    def __init__(
        self,
        segments: Segments,
        settings: Settings,
        policy: SpeedPolicy,
        note: Note,
        *,
        encoder_input: EncoderInput,
        has_video: Callable[[], bool],
        measured_fps: Callable[[], float | None],
    ) -> None:
        self._segments, self._settings, self._policy, self._note = segments, settings, policy, note
        self._input, self._has_video = encoder_input, has_video
        """What was reserved for, and whether video is published by now."""
        self._measured_fps = measured_fps
        self._frame_rate_plan = FrameRatePlan(segments.fps, guessed=measured_fps() is None)
        self._looked_s, self._asked_s = float("-inf"), time.monotonic()
        self._run: SupervisedRun | None = None
        self._encoded: list[tuple[float, float]] = []
        self._cores = CoreMeter()
        self._planning = asyncio.Lock()

    def look(self, supervisor: Supervisor) -> None:
        """Changes the speed step when the encoder or the CPU budget asks for it."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        queue = self._segments.queue.statistics()
        speed = self._speed(now_s, supervisor.current)
        filled = queue.waiting_bytes / queue.limit_bytes
        sample = EncoderSample(now_s, filled, speed, self._cores.sample().idle)
        before, speeds = self._policy.step, self._segments.speed
        reason = None
        if speeds.reserved is not None:
            reason = self._policy.allow(speeds.reserved, now_s)
        if reason is None and speeds.running in (None, before):
            # Else a change is under way, and what there is to see is of the step before.
            reason = self._policy.update(sample)
        if reason is not None:
            words = self._segments.encoding.pipeline.speeds
            speeds.next, speeds.threads = self._policy.step, self._policy.threads
            change = f"{words[before]} -> " if before != self._policy.step else ""
            self._note("speed", f"speed step {change}{words[self._policy.step]}: {reason}")
            supervisor.split()

    def pause(self) -> None:
        """Nothing is encoded for now: what comes is measured by itself."""
        self._encoded = []

    async def ask_for_cpu(self) -> None:
        """Reserves a slower step, every now and then, if other recordings have left CPU for it.

        `look` reads it from the row; the encoder slows down after a calm time. CPU for video is
        reserved as soon as video is published.
        """
        now_s, segments = time.monotonic(), self._segments
        if not self._input.video and self._has_video():
            if await self._reserve_for_video():
                size = f"{self._input.width}x{self._input.height}"
                self._note("speed", f"video is published: CPU for {size} is reserved")
            return
        wants_more = self._policy.content(now_s) and not segments.speed.pinned
        if not wants_more or now_s - self._asked_s < ASK_S:
            return
        self._asked_s = now_s
        try:
            machine = await _machine(segments, self._settings)
            admit = reserve_slower_step(machine, segments.encoding.pipeline, self._input)
            await segments.catalog.reserve(segments.recording.id, admit)
        except (HavenError, OSError) as error:  # a busy catalog, an ffmpeg that is being replaced
            log.warning("could not reserve CPU for a slower speed step; retrying", error=str(error))

    async def follow_rate(self, supervisor: Supervisor) -> None:
        """Plans CPU and the encoder's bit rate anew when the measured frame rate differs.

        An encoder that follows the frames' times goes on as it is.
        """
        segments, before = self._segments, self._segments.fps
        if not self._frame_rate_plan.update(time.monotonic(), self._measured_fps()):
            return
        segments.fps = self._frame_rate_plan.planned
        if self._input.video:
            await self._reserve_for_video()
        restarts = segments.encoding.pipeline.fixed_rate
        effect = "; the encoder restarts with it" if restarts else ""
        self._note("rate", f"frame rate {before:.3g} -> {segments.fps:.3g}{effect}")
        if restarts:
            supervisor.split()

    async def _reserve_for_video(self) -> bool:
        """For its size and rate; if it has to go faster now, its row tells `look`."""
        async with self._planning:
            segments, encoder_input = self._segments, video_input(self._segments)
            try:
                machine = await _machine(segments, self._settings)
                admit = reserve_known_size(machine, segments.encoding.pipeline, encoder_input)
                await segments.catalog.reserve(segments.recording.id, admit)
            except (HavenError, OSError) as error:
                log.warning("could not reserve CPU for the video", error=str(error))
                return False
            self._input = encoder_input
            self._policy.plan(*_steps(segments, machine.costs, encoder_input))
            segments.speed.threads = self._policy.threads
            return True

    async def resize(self, canvas: CanvasSize) -> None:
        """Frames of the next segment have this size. NoCapacity if the CPU doesn't suffice.

        That, a busy catalog (Unavailable) and OSError change nothing.
        """
        async with self._planning:
            segments = self._segments
            encoder_input = EncoderInput(canvas.width, canvas.height, segments.fps)
            machine = await _machine(segments, self._settings)
            await _reserve(
                segments, reserve_larger_size(machine, segments.encoding.pipeline, encoder_input)
            )
            segments.canvas, self._input = canvas, encoder_input
            self._policy = await _speed_policy(segments, encoder_input, machine.costs, self._note)
            self._policy.begun(time.monotonic())

    def _speed(self, now_s: float, run: SupervisedRun | None) -> float | None:
        """Over the last looks at the same run."""
        if run is not self._run:
            self._run, self._encoded = run, []
            if run is not None:
                self._policy.begun(now_s)
        if run is None or run.progress is None or run.progress.out_time_s is None:
            return None
        self._encoded = [*self._encoded[-WINDOW:], (now_s, run.progress.out_time_s)]
        (then_s, was_s), (last_s, is_s) = self._encoded[0], self._encoded[-1]
        return (is_s - was_s) / (last_s - then_s) if len(self._encoded) > WINDOW else None


async def create_speed_control(
    segments: Segments,
    settings: Settings,
    note: Note,
    has_video: Callable[[], bool] = lambda: True,
    measured_fps: Callable[[], float | None] = lambda: None,
) -> SpeedControl:
    """Decides the step and its threads anew, now that the frame size is known.

    A catalog that is busy changes nothing of what was decided before. Without video only audio is
    reserved for; the encoder's pace and threads are those of a video that may come.
    """
    pipeline, planned = segments.encoding.pipeline, _planned_input(segments, has_video)
    costs = costs_of([pipeline], [])
    try:
        machine = await _machine(segments, settings)
        await _reserve(segments, reserve_known_size(machine, pipeline, planned))
        costs = machine.costs
    except (Unavailable, OSError) as error:  # as in ask_for_cpu
        log.warning("the speed step stays as it was", error=str(error))
    policy = await _speed_policy(segments, planned, costs, note)
    return SpeedControl(
        segments,
        settings,
        policy,
        note,
        encoder_input=planned,
        has_video=has_video,
        measured_fps=measured_fps,
    )


async def _reserve(segments: Segments, admit: Admit) -> None:
    """Reserves for a size, and takes the step that comes of it."""
    reservation = await segments.catalog.reserve(segments.recording.id, admit)
    if reservation.speed_step is not None:
        segments.speed.next = reservation.speed_step


async def _speed_policy(
    segments: Segments, planned: EncoderInput, costs: Costs, note: Note
) -> SpeedPolicy:
    """What chooses among the steps that such frames use; the next segment's step and threads."""
    speed, pipeline = segments.speed, segments.encoding.pipeline
    encoder_input = video_input(segments)
    most = math.ceil(await asyncio.to_thread(cores_allowed))
    last = costs.steps_for(pipeline.name, encoder_input) - 1
    speed.reserved = speed.next = min(speed.next, last)
    why = "asked for" if speed.pinned else "the slowest that fits"
    size = f"{encoder_input.width}x{encoder_input.height}" if planned.video else "audio alone"
    note("speed", f"speed step {pipeline.speeds[speed.next]}: {why}, for {size}")
    cores, threads = _steps(segments, costs, encoder_input)
    if speed.pinned:
        cores = cores[: speed.next + 1]  # nothing faster
    policy = SpeedPolicy(speed.next, cores, threads, most)
    speed.threads = policy.threads
    return policy


def _steps(
    segments: Segments, costs: Costs, encoder_input: EncoderInput
) -> tuple[Sequence[float], Sequence[int]]:
    """Cores of each step that such frames use, and threads for it, if those are ours to say."""
    pipeline = segments.encoding.pipeline
    steps = costs.steps[pipeline.name][: costs.steps_for(pipeline.name, encoder_input)]
    cores = [cost * encoder_input.megapixels_per_s for cost in steps]
    known = pipeline.shipped or pipeline.name in costs.measured
    ours_to_say = known and not segments.encoding.threads
    return cores, [threads_for(each) for each in cores] if ours_to_say else []


async def _machine(segments: Segments, settings: Settings) -> Capacity:
    encoding = segments.encoding
    return await capacity(settings, segments.catalog, encoding.ffmpeg, encoding.pipelines)


def _planned_input(segments: Segments, has_video: Callable[[], bool]) -> EncoderInput:
    """What CPU is reserved for."""
    return video_input(segments) if has_video() else AUDIO_ONLY


def video_input(segments: Segments) -> EncoderInput:
    """The encoder's input while there is video."""
    return EncoderInput(segments.canvas.width, segments.canvas.height, segments.fps)
