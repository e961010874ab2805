"""Follows one recording's encoder and changes its speed step: each change is a new segment.

The writer ends its pipe at one sample and the next ffmpeg begins at just that one (pipes.cut), so
that nothing which the queue holds is lost.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final

import structlog

from orchestrator.encoding.ffmpeg import Run
from orchestrator.encoding.supervisor import Supervisor
from orchestrator.encoding.threads import threads_for
from orchestrator.errors import HavenError, Unavailable
from orchestrator.monitor.machine import CoreMeter, cores_allowed
from orchestrator.recordings.admission import Capacity, capacity, returning, settling
from orchestrator.recordings.capacity import Costs, Picture
from orchestrator.recordings.costs import costs_of
from orchestrator.recordings.pace import Look, Pace
from orchestrator.recordings.segments import Segments
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
ASK_S: Final = 30.0
"""Between two looks for room that others have left."""

WINDOW: Final = 3
"""Looks over which the encoder's speed is taken: its progress comes in bursts."""

Note = Callable[[str, str], None]


class Pacing:
    """Looks at the encoder once a second, as often as it is called."""

    def __init__(self, segments: Segments, settings: Settings, pace: Pace, note: Note) -> None:
        self._segments, self._settings, self._pace, self._note = segments, settings, pace, note
        self._looked_s, self._asked_s = float("-inf"), time.monotonic()
        self._run: Run | None = None
        self._encoded: list[tuple[float, float]] = []
        self._cores = CoreMeter()

    def look(self, supervisor: Supervisor) -> None:
        """Goes on at another step when it is time to."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        queue = self._segments.queue.statistics()
        speed = self._speed(now_s, supervisor.current)
        filled = queue.waiting_bytes / queue.limit_bytes
        look = Look(now_s, filled, speed, self._cores.sample().idle)
        before, slowest = self._pace.step, self._segments.recording.speed_step
        reason = None if slowest is None else self._pace.allow(slowest, now_s)
        if reason is None and self._segments.running_step in (None, before):
            # Else a change is under way, and what there is to see is of the step before.
            reason = self._pace.look(look)
        if reason is not None:
            words = self._segments.encoding.preset.speeds
            self._segments.speed_step = self._pace.step
            self._segments.threads = self._pace.threads
            change = f"{words[before]} -> " if before != self._pace.step else ""
            self._note("speed", f"speed step {change}{words[self._pace.step]}: {reason}")
            supervisor.split()

    async def ask_for_room(self) -> None:
        """Reserves a slower step, every now and then, where others have left room for it.

        The row tells `look` of it; the encoder goes back when it was calm for long.
        """
        now_s, segments = time.monotonic(), self._segments
        wants_more = self._pace.content(now_s) and not segments.recording.speed_pinned
        if not wants_more or now_s - self._asked_s < ASK_S:
            return
        self._asked_s = now_s
        try:
            machine = await _machine(segments, self._settings)
            admit = returning(machine, segments.encoding.preset, _picture(segments))
            await segments.catalog.reserve(segments.recording.id, admit)
        except (HavenError, OSError) as error:  # a busy catalog, an ffmpeg that is being replaced
            log.warning("no room was asked for", error=str(error))

    def _speed(self, now_s: float, run: Run | None) -> float | None:
        """Over the last looks at the same run."""
        if run is not self._run:
            self._run, self._encoded = run, []
            if run is not None:
                self._pace.begun(now_s)
        if run is None or run.progress is None or run.progress.out_time_s is None:
            return None
        self._encoded = [*self._encoded[-WINDOW:], (now_s, run.progress.out_time_s)]
        (then_s, was_s), (last_s, is_s) = self._encoded[0], self._encoded[-1]
        return (is_s - was_s) / (last_s - then_s) if len(self._encoded) > WINDOW else None


async def settled(segments: Segments, settings: Settings, note: Note) -> Pacing:
    """Decides the step and its threads anew, now that the picture's size is known.

    A catalog that is busy changes nothing of what was decided before.
    """
    recording, preset, picture = segments.recording, segments.encoding.preset, _picture(segments)
    costs, most = costs_of([preset], []), math.ceil(await asyncio.to_thread(cores_allowed))
    try:
        costs = await _settle(segments, settings, picture)
    except (Unavailable, OSError) as error:  # as in ask_for_room
        log.warning("the speed step is as it was", error=str(error))
    last = costs.steps_for(preset.name, picture) - 1
    recording.speed_step = segments.speed_step = min(segments.speed_step, last)
    why = "asked for" if recording.speed_pinned else "the slowest that there is room for"
    size = f"{picture.width}x{picture.height}"
    note("speed", f"speed step {preset.speeds[segments.speed_step]}: {why}, for {size}")
    cores = [cost * picture.megapixels_per_s for cost in costs.steps[preset.name][: last + 1]]
    known = preset.shipped or preset.name in costs.measured
    ours_to_say = known and not segments.encoding.threads
    threads = [threads_for(each) for each in cores] if ours_to_say else []
    if recording.speed_pinned:
        cores = cores[: segments.speed_step + 1]  # nothing faster
    pace = Pace(segments.speed_step, cores, threads, most)
    segments.threads = pace.threads
    return Pacing(segments, settings, pace, note)


async def _settle(segments: Segments, settings: Settings, picture: Picture) -> Costs:
    """Reserves for the true size, and takes the step that comes of it."""
    catalog, preset = segments.catalog, segments.encoding.preset
    machine = await _machine(segments, settings)
    await catalog.reserve(segments.recording.id, settling(machine, preset, picture))
    row = await catalog.get(segments.recording.id)
    if row.speed_step is not None:
        segments.speed_step = row.speed_step
    return machine.costs


async def _machine(segments: Segments, settings: Settings) -> Capacity:
    encoding = segments.encoding
    return await capacity(settings, segments.catalog, encoding.ffmpeg, encoding.presets)


def _picture(segments: Segments) -> Picture:
    return Picture(segments.canvas.width, segments.canvas.height)
