"""What recordings cost of the machine, and whether there is room for one more. Pure.

A recording costs pixels a second times what its speed step takes for a pixel, and receiving. The
first is measured (`orchestrator calibrate`), the second follows the machine's speed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

RECEIVING_CORES: Final = 0.05
RECEIVING_S: Final = 0.004
"""Of a worker, whatever it receives, and for each megapixel: together 0.16 cores for 720p30 on the
machine of the shipped costs, where 0.09 were measured (docs/capacity.md)."""

CAUTION: Final = 1.5
"""By how much a machine that was not measured may be slower than that one."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What an encoder gets."""

    width: int
    height: int
    fps: float = 30.0

    @property
    def megapixels_per_s(self) -> float:
        """How much there is to encode."""
        return self.width * self.height * self.fps / 1e6


ASSUMED: Final = Picture(1280, 720)
"""Of a stream that isn't connected yet: rooms tell their sizes to participants only."""


class Ladder(Protocol):
    """The speed steps of a pipeline (encoding.job.Preset)."""

    def steps_for(self, width: int, height: int) -> int:
        """How many of them, the slowest first, pictures of this size use."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What this machine takes for each pipeline's steps: CPU seconds per megapixel."""

    steps: Mapping[str, tuple[float, ...]]
    measured: frozenset[str]
    """Pipelines whose costs were measured here; others have shipped ones."""
    scale: float
    """Of this machine against that of the shipped costs; above 1 it is slower."""
    ladders: Mapping[str, Ladder] = field(default_factory=dict)
    """By pipeline: small pictures may not use all steps. Those that lack here use all."""

    def steps_for(self, pipeline: str, picture: Picture) -> int:
        """How many of its steps, the slowest first, such pictures use."""
        ladder, steps = self.ladders.get(pipeline), len(self.steps[pipeline])
        return steps if ladder is None else ladder.steps_for(picture.width, picture.height)

    def receiving_cores(self, picture: Picture) -> float:
        """Of the worker that receives, decodes and feeds the encoder."""
        return self.scale * (RECEIVING_CORES + RECEIVING_S * picture.megapixels_per_s)

    def cores(self, pipeline: str, step: int, picture: Picture) -> float:
        """Of a whole recording."""
        encoding = self.steps[pipeline][step] * picture.megapixels_per_s
        return encoding + self.receiving_cores(picture)


@dataclass(frozen=True, slots=True)
class Use:
    """What a recording that runs has reserved, and what it was seen to use."""

    pipeline: str
    reserved_cores: float
    measured_cores: float | None = None
    """Over the last seconds, at the step that was reserved for; None while not known."""
    faster: tuple[float, ...] = ()
    """The share of that which it takes at each faster step, the next one first; none if it keeps
    its step."""
    listed_cores: float | None = None
    """What its step costs by the table; None: what it reserved."""

    @property
    def cores(self) -> float:
        """What it is seen to take, if that is more; else halfway to it, as it may get harder."""
        if self.measured_cores is None:
            return self.reserved_cores
        middle = (self.reserved_cores + self.measured_cores) / 2
        return max(middle, self.measured_cores)

    @property
    def thought_cores(self) -> float:
        """What such a recording would be thought to take, if nothing had been learned."""
        return self.reserved_cores if self.listed_cores is None else self.listed_cores

    def cores_at(self, steps: int) -> float:
        """So many steps faster."""
        return self.cores * self.faster[steps - 1] if steps else self.cores


def lesson_of(uses: Sequence[Use]) -> float:
    """How many times what was thought these take together."""
    thought = sum(use.thought_cores for use in uses)
    return sum(use.cores for use in uses) / thought if thought else 1.0


@dataclass(frozen=True, slots=True)
class Room:
    """The machine: what recordings may take together, and those that run."""

    limit_cores: float
    running: Sequence[Use]

    @property
    def used_cores(self) -> float:
        """What those that run take."""
        return sum(use.cores for use in self.running)

    @property
    def free_cores(self) -> float:
        """What is left, never less than nothing."""
        return max(self.limit_cores - self.used_cores, 0.0)

    @property
    def least_cores(self) -> float:
        """What those that run take when each goes as fast as it can."""
        return sum(use.cores_at(len(use.faster)) for use in self.running)

    def given_up(self, needed_cores: float) -> tuple[int, ...] | None:
        """How many steps faster each of those that run goes, so that this much is free.

        Step by step, always the one that takes most. None if all that they can give isn't enough.
        """
        given = [0] * len(self.running)
        while self.limit_cores - self._used(given) < needed_cores:
            able = [n for n, use in enumerate(self.running) if given[n] < len(use.faster)]
            if not able:
                return None
            given[max(able, key=lambda n: self.running[n].cores_at(given[n]))] += 1
        return tuple(given)

    def _used(self, given: Sequence[int]) -> float:
        return sum(use.cores_at(n) for use, n in zip(self.running, given, strict=True))

    def lesson(self, pipeline: str) -> float:
        """What those with this pipeline tell of the next one."""
        return lesson_of([use for use in self.running if use.pipeline == pipeline])


@dataclass(frozen=True, slots=True)
class Place:
    """A speed step, and what a recording takes with it."""

    step: int
    cores: float


def places(costs: Costs, lesson: float, pipeline: str, picture: Picture) -> list[Place]:
    """All steps of a pipeline that such pictures use, the slowest first.

    `lesson`: how many times what is thought they take (`Room.lesson`).
    """
    steps = range(costs.steps_for(pipeline, picture))
    return [Place(step, lesson * costs.cores(pipeline, step, picture)) for step in steps]


@dataclass(frozen=True, slots=True)
class Fit:
    """A place in the machine, and what it takes of those that run."""

    place: Place
    given_up: tuple[int, ...]
    """How many steps faster each of them goes."""


def slowest_fitting(places: Iterable[Place], room: Room) -> Place | None:
    """The first one for which there is room."""
    return next((place for place in places if place.cores <= room.free_cores), None)


def fit(places: Sequence[Place], room: Room) -> Fit | None:
    """The slowest place beside what runs; else the fastest, if those that run can make room."""
    if place := slowest_fitting(places, room):
        return Fit(place, (0,) * len(room.running))
    given_up = room.given_up(places[-1].cores)
    return None if given_up is None else Fit(places[-1], given_up)


def fitting_instead(
    costs: Costs, room: Room, picture: Picture, pipelines: Iterable[str]
) -> tuple[str, Place] | None:
    """The first of these pipelines for which there is room, with its step."""
    for pipeline in pipelines:
        if found := fit(places(costs, room.lesson(pipeline), pipeline, picture), room):
            return pipeline, found.place
    return None


def how_many(place: Place, room: Room) -> int:
    """How many such recordings there is room for, when those that run make all they can."""
    return math.floor(max(room.limit_cores - room.least_cores, 0.0) / place.cores)
