"""What recordings cost in CPU, and whether one more fits. Pure.

A recording costs its pixels per second times the cost of a pixel at its speed step, plus receiving.
The first is measured (`orchestrator calibrate`), the second follows the machine's speed. One that
copies has no encoder and no decoder: its packets cost, and those grow with its pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

RECEIVING_CORES: Final = 0.05
AUDIO_CORES: Final = 0.035
"""Of a worker that receives audio only, and its ffmpeg, which gets one black frame a second."""

RECEIVING_S: Final = 0.004
"""Of a worker, whatever it receives, and for each megapixel: together 0.16 cores for 720p30 on the
machine of the shipped costs, where 0.09 were measured (docs/capacity.md)."""

COPYING_CORES: Final = 0.034
"""Of a worker that copies, whatever it receives; with the cost of its pixels (`COPYING_S` in
encoding.pipeline.copying) 0.041 cores for 720p30 (docs/capacity.md)."""


@dataclass(frozen=True, slots=True)
class EncoderInput:
    """What an encoder gets."""

    width: int
    height: int
    fps: float = 30.0
    video: bool = True
    """False: nobody publishes video; the encoder gets one black frame a second."""

    @property
    def megapixels_per_s(self) -> float:
        """Megapixels to encode per second."""
        return self.width * self.height * self.fps / 1e6


ASSUMED: Final = EncoderInput(1280, 720)
"""For a stream that isn't connected yet: a room tells frame sizes only to participants."""

AUDIO_ONLY: Final = EncoderInput(1280, 720, fps=1.0, video=False)
"""For a stream in which nobody publishes video."""


class SpeedSteps(Protocol):
    """The speed steps of a pipeline (encoding.pipeline.job.Pipeline)."""

    def steps_for(self, width: int, height: int) -> int:
        """How many of them, the slowest first, frames of this size use."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What each pipeline's steps cost on this machine: CPU seconds per megapixel."""

    steps: Mapping[str, tuple[float, ...]]
    measured: frozenset[str]
    """Pipelines whose costs were measured here; others have shipped ones."""
    scale: float
    """Of this machine against that of the shipped costs; above 1 it is slower."""
    speed_steps: Mapping[str, SpeedSteps] = field(default_factory=dict)
    """By pipeline: small frames may not use all steps. A pipeline without entry uses all."""
    copying: frozenset[str] = frozenset()
    """Pipelines that neither decode nor encode: their step is what copying costs."""

    def steps_for(self, pipeline: str, encoder_input: EncoderInput) -> int:
        """How many of its steps, the slowest first, such frames use."""
        speed_steps, steps = self.speed_steps.get(pipeline), len(self.steps[pipeline])
        return (
            steps
            if speed_steps is None
            else speed_steps.steps_for(encoder_input.width, encoder_input.height)
        )

    def receiving_cores(self, pipeline: str, encoder_input: EncoderInput) -> float:
        """Cores of the worker that receives, decodes and feeds the encoder; or only receives."""
        if pipeline in self.copying:
            return self.scale * COPYING_CORES
        if not encoder_input.video:
            return self.scale * AUDIO_CORES
        return self.scale * (RECEIVING_CORES + RECEIVING_S * encoder_input.megapixels_per_s)

    def cores(self, pipeline: str, step: int, encoder_input: EncoderInput) -> float:
        """Cores of a whole recording."""
        encoding = self.steps[pipeline][step] * encoder_input.megapixels_per_s
        return encoding + self.receiving_cores(pipeline, encoder_input)


@dataclass(frozen=True, slots=True)
class CpuUse:
    """What a running recording has reserved, and what it was measured to use."""

    pipeline: str
    reserved_cores: float
    measured_cores: float | None = None
    """Over the last seconds, at the reserved step; None while unknown."""
    faster: tuple[float, ...] = ()
    """The share of its cores that it takes at each faster step, the next one first; empty if it
    keeps its step."""
    listed_cores: float | None = None
    """What its step costs by the cost table; None: what it reserved."""
    video: bool = True
    """Whether it has video: recordings without say nothing about those with it."""

    @property
    def cores(self) -> float:
        """What it counts for: measured if that is more than reserved, else halfway between."""
        if self.measured_cores is None:
            return self.reserved_cores
        middle = (self.reserved_cores + self.measured_cores) / 2
        return max(middle, self.measured_cores)

    @property
    def expected_cores(self) -> float:
        """What it would be expected to take by the cost table alone."""
        return self.reserved_cores if self.listed_cores is None else self.listed_cores

    def cores_at(self, steps: int) -> float:
        """Cores at a step that is so many steps faster."""
        return self.cores * self.faster[steps - 1] if steps else self.cores


def correction_factor(uses: Sequence[CpuUse]) -> float:
    """What these take together, divided by what was expected."""
    expected = sum(use.expected_cores for use in uses)
    return sum(use.cores for use in uses) / expected if expected else 1.0


@dataclass(frozen=True, slots=True)
class CpuBudget:
    """What recordings may take together, and those that are running."""

    limit_cores: float
    running: Sequence[CpuUse]

    @property
    def used_cores(self) -> float:
        """What running recordings take."""
        return sum(use.cores for use in self.running)

    @property
    def free_cores(self) -> float:
        """What is left, at least 0."""
        return max(self.limit_cores - self.used_cores, 0.0)

    @property
    def least_cores(self) -> float:
        """What running recordings take when each is at its fastest step."""
        return sum(use.cores_at(len(use.faster)) for use in self.running)

    def speedups(self, needed_cores: float) -> tuple[int, ...] | None:
        """How many steps faster each running recording goes, so that this many cores are free.

        Step by step, always the one that takes most. None if even the fastest steps don't do.
        """
        steps_faster = [0] * len(self.running)
        while self.limit_cores - self._used(steps_faster) < needed_cores:
            able = [n for n, use in enumerate(self.running) if steps_faster[n] < len(use.faster)]
            if not able:
                return None
            steps_faster[max(able, key=lambda n: self.running[n].cores_at(steps_faster[n]))] += 1
        return tuple(steps_faster)

    def _used(self, steps_faster: Sequence[int]) -> float:
        return sum(use.cores_at(n) for use, n in zip(self.running, steps_faster, strict=True))

    def correction(self, pipeline: str, *, video: bool = True) -> float:
        """The correction factor from those with this pipeline, with or without video."""
        like = [use for use in self.running if (use.pipeline, use.video) == (pipeline, video)]
        return correction_factor(like)


@dataclass(frozen=True, slots=True)
class SpeedOption:
    """A speed step, and the cores that a recording takes at it."""

    step: int
    cores: float


def speed_options(
    costs: Costs, correction: float, pipeline: str, encoder_input: EncoderInput
) -> list[SpeedOption]:
    """All steps of a pipeline that such frames use, the slowest first.

    `correction`: factor on their expected cores (`CpuBudget.correction`).
    """
    steps = range(costs.steps_for(pipeline, encoder_input))
    return [
        SpeedOption(step, correction * costs.cores(pipeline, step, encoder_input)) for step in steps
    ]


@dataclass(frozen=True, slots=True)
class Fit:
    """How one more recording fits in."""

    option: SpeedOption
    speedups: tuple[int, ...]
    """How many steps faster each running recording has to go for it."""


def slowest_option(options: Iterable[SpeedOption], budget: CpuBudget) -> SpeedOption | None:
    """The first one that fits into the free cores."""
    return next((option for option in options if option.cores <= budget.free_cores), None)


def find_fit(options: Sequence[SpeedOption], budget: CpuBudget) -> Fit | None:
    """The slowest step beside the running recordings; else the fastest, if they can go faster."""
    if option := slowest_option(options, budget):
        return Fit(option, (0,) * len(budget.running))
    speedups = budget.speedups(options[-1].cores)
    return None if speedups is None else Fit(options[-1], speedups)


def alternative(
    costs: Costs, budget: CpuBudget, encoder_input: EncoderInput, pipelines: Iterable[str]
) -> tuple[str, SpeedOption] | None:
    """The first of these pipelines that fits, with its step."""
    for pipeline in pipelines:
        correction = budget.correction(pipeline, video=encoder_input.video)
        options = speed_options(costs, correction, pipeline, encoder_input)
        if fit := find_fit(options, budget):
            return pipeline, fit.option
    return None


def how_many_fit(option: SpeedOption, budget: CpuBudget) -> int:
    """How many such recordings fit when running recordings are at their fastest steps."""
    return math.floor(max(budget.limit_cores - budget.least_cores, 0.0) / option.cores)
