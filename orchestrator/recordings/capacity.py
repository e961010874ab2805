"""What recordings cost of the machine, and whether there is room for one more. Pure.

A recording costs pixels a second times what its speed step takes for a pixel, and receiving. The
first is measured (`orchestrator calibrate`), the second follows the machine's speed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

RECEIVING_CORES: Final = 0.05
RECEIVING_S: Final = 0.0075
"""Of a worker, whatever it receives, and for each megapixel: together a quarter of a core for
720p30 on the machine of the shipped costs (docs/capacity.md), twice what was measured."""

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


@dataclass(frozen=True, slots=True)
class Costs:
    """What this machine takes for each pipeline's steps: CPU seconds per megapixel."""

    steps: Mapping[str, tuple[float, ...]]
    measured: frozenset[str]
    """Pipelines whose costs were measured here; others have shipped ones."""
    scale: float
    """Of this machine against that of the shipped costs; above 1 it is slower."""

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

    @property
    def cores(self) -> float:
        """What it is seen to take, if that is more; else halfway to it, as it may get harder."""
        if self.measured_cores is None:
            return self.reserved_cores
        middle = (self.reserved_cores + self.measured_cores) / 2
        return max(middle, self.measured_cores)


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

    def lesson(self, pipeline: str) -> float:
        """By how much recordings with this pipeline differ from what they were thought to cost."""
        mine = [use for use in self.running if use.pipeline == pipeline]
        thought = sum(use.reserved_cores for use in mine)
        return sum(use.cores for use in mine) / thought if thought else 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """A speed step, and what a recording takes with it."""

    step: int
    cores: float


def places(costs: Costs, room: Room, pipeline: str, picture: Picture) -> list[Place]:
    """All steps of a pipeline, the slowest first."""
    lesson = room.lesson(pipeline)
    steps = range(len(costs.steps[pipeline]))
    return [Place(step, lesson * costs.cores(pipeline, step, picture)) for step in steps]


def slowest_fitting(places: Iterable[Place], room: Room) -> Place | None:
    """The first one for which there is room."""
    return next((place for place in places if place.cores <= room.free_cores), None)


def fitting_instead(
    costs: Costs, room: Room, picture: Picture, pipelines: Iterable[str]
) -> tuple[str, Place] | None:
    """The first of these pipelines for which there is room, with its step."""
    for pipeline in pipelines:
        if place := slowest_fitting(places(costs, room, pipeline, picture), room):
            return pipeline, place
    return None


def how_many(place: Place, room: Room) -> int:
    """How many such recordings there is room for."""
    return math.floor(room.free_cores / place.cores)
