"""/api/capacity: the CPU that recordings may use, use now, and how many more fit."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures
from orchestrator.api.schemas.capacity import CapacityInfo, PipelineCost, RecordingLoad, StepCost
from orchestrator.capacity.admission import Capacity
from orchestrator.capacity.cpu_budget import ASSUMED, CpuBudget, CpuUse, how_many_fit, speed_options
from orchestrator.catalog.models import Recording
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.errors import FFmpegNotFound
from orchestrator.recordings.figures import LiveFigures

router = APIRouter(prefix="/api/capacity", tags=["monitoring"])


@router.get("", responses=failures(FFmpegNotFound()), summary="Get Capacity")
async def capacity(manager: ManagerHere) -> CapacityInfo:
    """What /start decides by: the cost of each pipeline's speed steps, free CPU, running
    recordings.

    A stream counts as 720p at 30 frames a second until its size is known.
    """
    return _described(await manager.capacity(), await manager.active())


def _described(known: Capacity, active: Sequence[Recording]) -> CapacityInfo:
    budget = known.budget(active)
    seen = [LiveFigures.of(row).measured_cores for row in active]
    measured = [cores for cores in seen if cores is not None]
    return CapacityInfo(
        machine=known.machine,
        calibrated_at=known.measured_at,
        cores=known.cores,
        limit_cores=_round(known.limit_cores),
        reserved_cores=_round(sum(use.reserved_cores for use in budget.running)),
        measured_cores=_round(sum(measured)) if measured else None,
        used_cores=_round(budget.used_cores),
        free_cores=_round(budget.free_cores),
        recordings=[_load(*each) for each in zip(active, budget.running, strict=True)],
        pipelines=[_pipeline(known, budget, p) for _, p in sorted(known.pipelines.items())],
    )


def _pipeline(known: Capacity, budget: CpuBudget, pipeline: Pipeline) -> PipelineCost:
    options = speed_options(known.costs, budget.correction(pipeline.name), pipeline.name, ASSUMED)
    return PipelineCost(
        name=pipeline.name,
        format=pipeline.format,
        measured=pipeline.name in known.costs.measured,
        steps=[
            StepCost(
                speed_step=option.step,
                name=pipeline.speeds[option.step],
                cpu_s_per_megapixel=round(known.costs.steps[pipeline.name][option.step], 5),
                cores=_round(option.cores),
                more=how_many_fit(option, budget),
            )
            for option in options
        ],
    )


def _load(row: Recording, use: CpuUse) -> RecordingLoad:
    return RecordingLoad(
        id=row.id,
        mint_id=row.stream_id,
        pipeline=row.pipeline,
        speed_step=row.speed_step,
        speed_pinned=row.speed_pinned,
        reserved_cores=_round(use.reserved_cores),
        measured_cores=LiveFigures.of(row).measured_cores,
    )


def _round(cores: float) -> float:
    return round(cores, 3)
