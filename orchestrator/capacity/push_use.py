"""What pushes that encode take of the CPU, and whether one more fits.

A push whose video the other side doesn't take as it is has an encoder of its own: it reserves the
cores of a recording with the pipeline `mp4`, beside those of its recording. Pure but for the rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from orchestrator.capacity.admission import RETRY_AFTER_S, Capacity
from orchestrator.capacity.cpu_budget import CpuBudget, EncoderInput
from orchestrator.capacity.recording_use import encoder_input_of, use_of
from orchestrator.catalog.models import Recording
from orchestrator.catalog.reservations import Admit, Reservation, Reservations
from orchestrator.errors import NoCapacity
from orchestrator.pushing.address import Kind
from orchestrator.pushing.media import VIDEO

LIKE: Final = "mp4"
_STEP: Final = 1
"""Its pipeline and speed step (`veryfast`)."""
_SHIPPED_COST: Final = 0.0078
"""CPU seconds per megapixel where there is no such pipeline."""

_CODECS: Final = ((re.compile("264"), "h264"), (re.compile("265|hevc"), "hevc"))


def encodes_video(pipeline_codec: str | None, kind: Kind) -> bool:
    """Whether a push of what this encoder makes encodes it again; no if it isn't known yet, as of
    a recording that copies, or of WHIP, whose receiver may refuse the profile.
    """
    if pipeline_codec is None or pipeline_codec == "copy":
        return False
    found = (codec for pattern, codec in _CODECS if pattern.search(pipeline_codec))
    return next(found, "another") not in VIDEO[kind]


def push_cores(capacity: Capacity, encoder_input: EncoderInput) -> float:
    """Cores of one push that encodes: its decoder and its encoder."""
    costs = capacity.costs
    if LIKE in costs.steps:
        return costs.cores(LIKE, min(_STEP, len(costs.steps[LIKE]) - 1), encoder_input)
    return costs.scale * _SHIPPED_COST * encoder_input.megapixels_per_s


def check_push_fits(capacity: Capacity, recording: Recording, active: Sequence[Recording]) -> None:
    """NoCapacity if a push of this recording, one of the active ones, that encodes doesn't fit."""
    needed = push_cores(capacity, encoder_input_of(recording))
    budget = capacity.budget(active)
    if budget.speedups(needed) is None:
        raise no_capacity(needed, budget)


def with_pushes(admit: Admit, capacity: Capacity, kinds: Sequence[Kind]) -> Admit:
    """As `admit`; NoCapacity, too, if pushes of these kinds don't fit beside the recording.

    They reserve their cores when they begin (`reserve_push`).
    """

    def both(recording: Recording, active: Sequence[Recording]) -> Reservations | None:
        decided = admit(recording, active)
        count = sum(encodes_video(recording.video_codec, kind) for kind in kinds)
        if decided is not None and count:
            needed = count * push_cores(capacity, encoder_input_of(recording))
            budget = capacity.budget(active)
            if budget.speedups((decided.own.cores or 0.0) + needed) is None:
                raise no_capacity(needed, budget)
        return decided

    return both


def reserve_push(capacity: Capacity, encoder_input: EncoderInput) -> Admit:
    """For `Catalog.reserve`: cores of one more push that encodes; others go faster for it.

    Raises NoCapacity, and changes nothing, if it doesn't fit.
    """

    def settle(recording: Recording, others: Sequence[Recording]) -> Reservations:
        needed = push_cores(capacity, encoder_input)
        own = use_of(recording, capacity.costs).cores + recording.outputs_cores
        budget = capacity.budget(others)
        budget = replace(budget, limit_cores=max(budget.limit_cores - own, 0.0))
        if (speedups := budget.speedups(needed)) is None:
            raise no_capacity(needed, budget)
        faster = {
            row.id: Reservation(row.speed_step + steps, use.cores_at(steps), row.speed_pinned)
            for row, use, steps in zip(others, budget.running, speedups, strict=True)
            if steps and row.speed_step is not None
        }
        mine = Reservation.of(recording)
        return Reservations(replace(mine, outputs_cores=recording.outputs_cores + needed), faster)

    return settle


def release(cores: float) -> Admit:
    """For `Catalog.reserve`: gives back what `reserve_push` took."""

    def settle(recording: Recording, _: Sequence[Recording]) -> Reservations:
        left = max(recording.outputs_cores - cores, 0.0)
        return Reservations(replace(Reservation.of(recording), outputs_cores=left))

    return settle


def no_capacity(needed: float, budget: CpuBudget) -> NoCapacity:
    """The refusal of a push that has to encode."""
    could_be_free = max(budget.limit_cores - budget.least_cores, 0.0)
    return NoCapacity(
        f"Not enough CPU for a push that encodes the recording again: it needs {needed:.2f} cores, "
        f"and running recordings leave {could_be_free:.2f}, even at their fastest steps.",
        f"RTMP and SRT take what the pipeline {LIKE} records as it is; or stop a recording.",
        needed_cores=round(needed, 3),
        free_cores=round(budget.free_cores, 3),
        could_be_free_cores=round(could_be_free, 3),
        limit_cores=round(budget.limit_cores, 3),
        recordings=len(budget.running),
        fits={"pipeline": LIKE, "speed_step": _STEP},
        retry_after_s=RETRY_AFTER_S,
    )
