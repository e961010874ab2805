"""Which recordings are admitted, and at which speed step: decided inside the catalog's transaction.

So each of twenty requests at once is weighed against those before it, whichever process they reach,
and a recording that has ended no longer counts, as it isn't active. Running recordings make place
for one that would not fit by encoding faster: their workers read their rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestrator.capacity.costs import costs_of, machine_name, still_true
from orchestrator.capacity.cpu_budget import (
    Costs,
    CpuBudget,
    EncoderInput,
    Fit,
    SpeedOption,
    alternative,
    find_fit,
    slowest_option,
    speed_options,
)
from orchestrator.capacity.recording_use import encoder_input_of, use_of
from orchestrator.catalog.costs.table import CostTable
from orchestrator.catalog.models import Recording
from orchestrator.catalog.reservations import Admit, Reservation, Reservations
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.errors import InvalidRequest, NoCapacity, TooManyRecordings
from orchestrator.monitor.machine import cores_allowed
from orchestrator.settings import Settings

RETRY_AFTER_S: Final = 30.0
"""When to ask again after a refusal; nobody knows when a recording ends."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """The machine's CPU, what recordings cost on it, and its pipelines."""

    machine: str
    cores: float
    """Cores that we may use, by affinity and control groups."""
    limit_cores: float
    """Cores that recordings may take together."""
    costs: Costs
    measured_at: datetime | None
    """When costs were last measured; None: they are all shipped ones."""
    pipelines: Mapping[str, Pipeline]

    def budget(self, active: Sequence[Recording]) -> CpuBudget:
        """With these recordings running, and outputs of theirs that encode."""
        of_outputs = sum(row.outputs_cores or 0.0 for row in active)
        limit_cores = max(self.limit_cores - of_outputs, 0.0)
        return CpuBudget(limit_cores, [use_of(row, self.costs) for row in active])


def limit_cores(cores: float, settings: Settings) -> float:
    """What recordings may take together of so many."""
    return round(cores * settings.cpu_limit, 3)


async def capacity(
    settings: Settings, catalog: Catalog, ffmpeg: FFmpeg, pipelines: Mapping[str, Pipeline]
) -> Capacity:
    """The capacity now; pipelines whose encoders this ffmpeg lacks are left out."""
    machine = await asyncio.to_thread(machine_name, ffmpeg)
    cores = await asyncio.to_thread(cores_allowed)
    usable = {name: p for name, p in pipelines.items() if ffmpeg.problem(p) is None}
    rows = still_true(usable.values(), await CostTable(catalog).of(machine))
    return Capacity(
        machine,
        cores,
        limit_cores(cores, settings),
        costs_of(usable.values(), rows),
        max((row.measured_at for row in rows), default=None),
        usable,
    )


def pinned_step(settings: Settings, pipeline: Pipeline, requested: int | None) -> int | None:
    """The step that the request or the setting pins; None: the slowest that fits.

    Raises InvalidRequest for a step that the pipeline doesn't have.
    """
    last = len(pipeline.speeds) - 1
    if requested is not None:
        if not 0 <= requested <= last:
            raise InvalidRequest(
                f"Pipeline {pipeline.name} has no speed step {requested}.",
                f"Its steps are 0 (slowest) to {last}: {', '.join(pipeline.speeds)}.",
                field="speed_step",
            )
        return requested
    if settings.speed_step == "auto":
        return None
    return pipeline.default_speed if settings.speed_step == "default" else settings.speed_step


def admit_recording(
    capacity: Capacity, pipeline: Pipeline, pinned: int | None, most: int | None
) -> Admit:
    """For `Catalog.create`: admits a new recording and reserves its cores.

    Raises TooManyRecordings when `most` are active, NoCapacity when the CPU budget is used up.
    """

    def admit(recording: Recording, active: Sequence[Recording]) -> Reservations:
        if most is not None and len(active) >= most:
            raise TooManyRecordings(
                f"{most} recordings are running, the most allowed (max_recordings).",
                "Stop one, or wait until one has ended.",
                retry_after_s=RETRY_AFTER_S,
            )
        budget = capacity.budget(active)
        encoder_input = encoder_input_of(recording)
        options = _options(capacity, pipeline, budget, encoder_input, pinned)
        if (fit := find_fit(options, budget)) is None:
            raise _refusal(capacity, pipeline, budget, options[-1], encoder_input)
        return _decided(fit, budget, active, pinned=pinned is not None)

    return admit


def reserve_known_size(
    capacity: Capacity, pipeline: Pipeline, encoder_input: EncoderInput
) -> Admit:
    """For `Catalog.reserve`: reserves cores anew once the true frame size is known.

    It is admitted already and stays so: if nothing fits, it gets the fastest step.
    """

    def settle(recording: Recording, others: Sequence[Recording]) -> Reservations:
        budget = capacity.budget(others)
        pinned = recording.speed_step if recording.speed_pinned else None
        options = _options(capacity, pipeline, budget, encoder_input, pinned)
        # If it needs more than expected, others go as fast as they can.
        all_fastest = tuple(len(use.faster) for use in budget.running)
        fit = find_fit(options, budget) or Fit(options[-1], all_fastest)
        return _decided(fit, budget, others, pinned=recording.speed_pinned)

    return settle


def reserve_larger_size(
    capacity: Capacity, pipeline: Pipeline, encoder_input: EncoderInput
) -> Admit:
    """For `Catalog.reserve`: reserves cores for frames of another size.

    Raises NoCapacity, and changes nothing, if that takes more cores than fit.
    """

    def settle(recording: Recording, others: Sequence[Recording]) -> Reservations | None:
        budget = capacity.budget(others)
        pinned = recording.speed_step if recording.speed_pinned else None
        fastest = _options(capacity, pipeline, budget, encoder_input, pinned)[-1]
        if (
            fastest.cores > (recording.reserved_cores or 0.0)
            and find_fit([fastest], budget) is None
        ):
            raise _refusal(capacity, pipeline, budget, fastest, encoder_input)
        return reserve_known_size(capacity, pipeline, encoder_input)(recording, others)

    return settle


def reserve_slower_step(
    capacity: Capacity, pipeline: Pipeline, encoder_input: EncoderInput
) -> Admit:
    """For `Catalog.reserve`: reserves the next slower step, if it fits by now."""

    def settle(recording: Recording, others: Sequence[Recording]) -> Reservations | None:
        if (step := recording.speed_step) is None:
            return None
        costs, budget = capacity.costs, capacity.budget(others)
        correction = use_of(recording, costs).cores / costs.cores(
            pipeline.name, step, encoder_input
        )
        slower = speed_options(costs, correction, pipeline.name, encoder_input)[:step][-1:]
        if (option := slowest_option(slower, budget)) is None:
            return None
        return Reservations(Reservation(option.step, option.cores, recording.speed_pinned))

    return settle


def _options(
    capacity: Capacity,
    pipeline: Pipeline,
    budget: CpuBudget,
    encoder_input: EncoderInput,
    pinned: int | None,
) -> list[SpeedOption]:
    correction = budget.correction(pipeline.name, video=encoder_input.video)
    options = speed_options(capacity.costs, correction, pipeline.name, encoder_input)
    if pinned is None:
        return options
    return [options[min(pinned, len(options) - 1)]]


def _decided(
    fit: Fit, budget: CpuBudget, others: Sequence[Recording], *, pinned: bool
) -> Reservations:
    """For one recording, and those that go faster: their workers read it once a second."""
    faster = {
        row.id: Reservation(row.speed_step + steps, use.cores_at(steps), row.speed_pinned)
        for row, use, steps in zip(others, budget.running, fit.speedups, strict=True)
        if steps and row.speed_step is not None
    }
    return Reservations(Reservation(fit.option.step, fit.option.cores, pinned), faster)


def _refusal(
    capacity: Capacity,
    pipeline: Pipeline,
    budget: CpuBudget,
    fastest: SpeedOption,
    encoder_input: EncoderInput,
) -> NoCapacity:
    nearest = sorted(
        capacity.pipelines.values(),
        # Itself, if only the step it is pinned to costs too much; then others of the same format;
        # then the cheapest. To copy is another thing than to encode, and comes last.
        key=lambda p: (
            p.name != pipeline.name,
            p.copies != pipeline.copies,
            p.format != pipeline.format,
            capacity.costs.steps[p.name][-1],
        ),
    )
    fits = alternative(capacity.costs, budget, encoder_input, [p.name for p in nearest])
    could_be_free = max(budget.limit_cores - budget.least_cores, 0.0)
    fits_too = f"; {fits[0]} at speed step {fits[1].step} would fit" if fits else ""
    advice = "Stop one, wait until one has ended, or raise ORCHESTRATOR_CPU_LIMIT."
    if fits and capacity.pipelines[fits[0]].copies:
        advice += " With ORCHESTRATOR_WHEN_FULL=copy it is recorded as it comes, and encoded later."
    return NoCapacity(
        f"Not enough CPU for another recording with {pipeline.name}: it needs "
        f"{fastest.cores:.2f} cores, and running recordings leave {could_be_free:.2f} of the "
        f"{budget.limit_cores:.2f} for recordings, even at their fastest steps{fits_too}.",
        advice,
        needed_cores=round(fastest.cores, 3),
        free_cores=round(budget.free_cores, 3),
        could_be_free_cores=round(could_be_free, 3),
        used_cores=round(budget.used_cores, 3),
        limit_cores=round(budget.limit_cores, 3),
        recordings=len(budget.running),
        fits={"pipeline": fits[0], "speed_step": fits[1].step} if fits else None,
        retry_after_s=RETRY_AFTER_S,
    )
