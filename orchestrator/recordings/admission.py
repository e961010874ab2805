"""Who may record, and at which speed step: decided inside the catalog's transaction.

So of twenty who ask at once each is weighed against those before him, whichever process they ask,
and a recording that ends or fails gives its room back by not being active any more. Those that run
make room for one that would not fit, by going faster: their workers look at their rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestrator.catalog.costs import CostTable
from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Admit, Catalog
from orchestrator.encoding.capabilities import FFmpeg
from orchestrator.encoding.pipeline import Preset
from orchestrator.errors import InvalidRequest, NoCapacity, TooManyRecordings
from orchestrator.monitor.machine import cores_allowed
from orchestrator.recordings.capacity import (
    ASSUMED,
    Costs,
    Fit,
    Picture,
    Place,
    Room,
    Use,
    fit,
    fitting_instead,
    places,
    slowest_fitting,
)
from orchestrator.recordings.costs import costs_of, machine_name, still_true
from orchestrator.recordings.states import RecordingState
from orchestrator.settings import Settings

RETRY_AFTER_S: Final = 30.0
"""When it makes sense to ask again after all room was taken; nobody knows when one ends."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """This machine as recordings see it."""

    machine: str
    cores: float
    """That we may use, by affinity and control groups."""
    limit_cores: float
    """That recordings may take together."""
    costs: Costs
    measured_at: datetime | None
    """When costs were measured last; None: nothing was, they are shipped ones."""
    presets: Mapping[str, Preset]

    def room(self, active: Sequence[Recording]) -> Room:
        """With these recordings running."""
        return Room(self.limit_cores, [use_of(row, self.costs) for row in active])


def limit_cores(cores: float, settings: Settings) -> float:
    """What recordings may take together of so many."""
    return round(cores * settings.cpu_limit, 3)


async def capacity(
    settings: Settings, catalog: Catalog, ffmpeg: FFmpeg, presets: Mapping[str, Preset]
) -> Capacity:
    """As it is now; presets that this ffmpeg can't do are left out."""
    machine = await asyncio.to_thread(machine_name, ffmpeg)
    cores = await asyncio.to_thread(cores_allowed)
    usable = {name: p for name, p in presets.items() if not ffmpeg.lacks(p.encoders)}
    rows = still_true(usable.values(), await CostTable(catalog).of(machine))
    return Capacity(
        machine,
        cores,
        limit_cores(cores, settings),
        costs_of(usable.values(), rows),
        max((row.measured_at for row in rows), default=None),
        usable,
    )


def pinned_step(settings: Settings, preset: Preset, asked: int | None) -> int | None:
    """The step to keep to, of the request or the setting; None leaves it to what fits."""
    last = len(preset.speeds) - 1
    if asked is not None:
        if not 0 <= asked <= last:
            raise InvalidRequest(
                f"Pipeline {preset.name} has no speed step {asked}.",
                f"Its steps are 0 (slowest) to {last}: {', '.join(preset.speeds)}.",
                field="speed_step",
            )
        return asked
    if settings.speed_step == "auto":
        return None
    return preset.default_speed if settings.speed_step == "default" else settings.speed_step


def admitting(capacity: Capacity, preset: Preset, pinned: int | None, most: int | None) -> Admit:
    """For `Catalog.create`: takes a new recording in, or raises why not.

    TooManyRecordings when `most` are active, NoCapacity when there is no room.
    """

    def admit(recording: Recording, active: Sequence[Recording]) -> None:
        if most is not None and len(active) >= most:
            raise TooManyRecordings(
                f"{most} recordings run, and no more may (max_recordings).",
                "Stop one, or wait until one has ended.",
                retry_after_s=RETRY_AFTER_S,
            )
        room = capacity.room(active)
        asked = _places(capacity, preset, room, ASSUMED, pinned)
        if (found := fit(asked, room)) is None:
            raise _refusal(capacity, preset, room, asked[-1])
        recording.speed_pinned = pinned is not None
        _reserve(recording, found.place)
        _make_room(found, active, room)

    return admit


def settling(capacity: Capacity, preset: Preset, picture: Picture) -> Admit:
    """For `Catalog.reserve`: the same once the picture's true size is known.

    It has been taken in, so that it stays in: without room it gets the fastest step.
    """

    def settle(recording: Recording, others: Sequence[Recording]) -> None:
        room = capacity.room(others)
        pinned = recording.speed_step if recording.speed_pinned else None
        asked = _places(capacity, preset, room, picture, pinned)
        # What it needs more than was thought, others give as far as they can.
        all_of_it = tuple(len(use.faster) for use in room.running)
        found = fit(asked, room) or Fit(asked[-1], all_of_it)
        _reserve(recording, found.place)
        _make_room(found, others, room)

    return settle


def returning(capacity: Capacity, preset: Preset, picture: Picture) -> Admit:
    """For `Catalog.reserve`: the next slower step, if there is room for it by now."""

    def settle(recording: Recording, others: Sequence[Recording]) -> None:
        if (step := recording.speed_step) is None:
            return
        costs, room = capacity.costs, capacity.room(others)
        lesson = use_of(recording, costs).cores / costs.cores(preset.name, step, picture)
        slower = places(costs, lesson, preset.name, picture)[:step][-1:]
        if place := slowest_fitting(slower, room):
            _reserve(recording, place)

    return settle


def use_of(row: Recording, costs: Costs) -> Use:
    """What a recording reserved and uses; one of an older version reserved nothing."""
    measured: float | None = row.figures.get("measured_cores")
    reserved = row.reserved_cores if row.reserved_cores is not None else measured or 0.0
    if measured is not None and not _tells(row, measured, reserved):
        measured = None
    taken = _ladder(row, costs)
    if not taken:
        return Use(row.pipeline, reserved, measured)
    # What was measured at a faster step is of that one: going there gives no room any more.
    ahead = 0 if measured is None else _steps_ahead(row)
    now = taken[min(ahead, len(taken) - 1)]
    keeps = row.speed_pinned or row.state == RecordingState.STOPPING
    faster = () if keeps else tuple(min(cores / now, 1.0) for cores in taken[1:])
    return Use(row.pipeline, reserved, measured, faster, now)


def _steps_ahead(row: Recording) -> int:
    """How many steps faster than the one that is reserved for it runs; below 0: slower, so far."""
    running = row.figures.get("speed_step")
    return 0 if running is None or row.speed_step is None else int(running - row.speed_step)


def _tells(row: Recording, measured: float, reserved: float) -> bool:
    """Whether what was measured says something of what it will take."""
    ahead = _steps_ahead(row)
    # It fell behind, and even a faster step takes more. Slower: it was just told to go faster.
    return ahead == 0 or (ahead > 0 and measured > reserved)


def _ladder(row: Recording, costs: Costs) -> list[float]:
    """What its step and each faster one cost by the table; none for an unknown pipeline."""
    if row.pipeline not in costs.steps or row.speed_step is None:
        return []
    video = row.figures.get("video") or {}
    sized = video.get("width") and video.get("height")
    picture = Picture(video["width"], video["height"]) if sized else ASSUMED
    steps = range(row.speed_step, costs.steps_for(row.pipeline, picture))
    return [costs.cores(row.pipeline, step, picture) for step in steps]


def _places(
    capacity: Capacity, preset: Preset, room: Room, picture: Picture, pinned: int | None
) -> list[Place]:
    found = places(capacity.costs, room.lesson(preset.name), preset.name, picture)
    if pinned is None:
        return found
    return [found[min(pinned, len(found) - 1)]]


def _reserve(recording: Recording, place: Place) -> None:
    recording.speed_step, recording.reserved_cores = place.step, place.cores


def _make_room(found: Fit, running: Sequence[Recording], room: Room) -> None:
    """Rows that give something up; their workers read them once a second, and follow."""
    for row, use, steps in zip(running, room.running, found.given_up, strict=True):
        if steps and row.speed_step is not None:
            row.speed_step += steps
            row.reserved_cores = use.cores_at(steps)


def _refusal(capacity: Capacity, preset: Preset, room: Room, fastest: Place) -> NoCapacity:
    nearest = sorted(
        capacity.presets.values(),
        # Itself, if only the step it was pinned to is too dear; another encoder of the same format;
        # what costs least.
        key=lambda p: (
            p.name != preset.name,
            p.format != preset.format,
            capacity.costs.steps[p.name][-1],
        ),
    )
    fits = fitting_instead(capacity.costs, room, ASSUMED, [p.name for p in nearest])
    could_be_free = max(room.limit_cores - room.least_cores, 0.0)
    fits_too = f"; {fits[0]} at speed step {fits[1].step} would fit" if fits else ""
    return NoCapacity(
        f"There is no room for another recording with {preset.name}: it needs "
        f"{fastest.cores:.2f} cores, and those that run leave {could_be_free:.2f} of the "
        f"{room.limit_cores:.2f} that recordings may take, at their fastest{fits_too}.",
        "Stop one, wait until one has ended, or raise ORCHESTRATOR_CPU_LIMIT.",
        needed_cores=round(fastest.cores, 3),
        free_cores=round(room.free_cores, 3),
        could_be_free_cores=round(could_be_free, 3),
        used_cores=round(room.used_cores, 3),
        limit_cores=round(room.limit_cores, 3),
        recordings=len(room.running),
        fits={"pipeline": fits[0], "speed_step": fits[1].step} if fits else None,
        retry_after_s=RETRY_AFTER_S,
    )
