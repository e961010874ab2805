"""/api/capacity: what recordings may take of this machine, take now, and how many more fit."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.responses import failures
from orchestrator.api.schemas.capacity import CapacityInfo, PipelineCost, RecordingLoad, StepCost
from orchestrator.catalog.models import Recording
from orchestrator.encoding.pipeline import Preset
from orchestrator.errors import FFmpegNotFound
from orchestrator.recordings.admission import Capacity
from orchestrator.recordings.capacity import ASSUMED, Room, Use, how_many, places

router = APIRouter(prefix="/api/capacity", tags=["monitoring"])


@router.get("", responses=failures(FFmpegNotFound()), summary="Get Capacity")
async def capacity(manager: ManagerHere) -> CapacityInfo:
    """What /start decides by: costs of each pipeline's steps here, room, and what runs.

    A stream counts as 720p at 30 pictures a second until it is connected and its size known.
    """
    return _described(await manager.capacity(), await manager.active())


def _described(known: Capacity, active: Sequence[Recording]) -> CapacityInfo:
    room = known.room(active)
    seen = [row.figures.get("measured_cores") for row in active]
    measured = [cores for cores in seen if cores is not None]
    return CapacityInfo(
        machine=known.machine,
        calibrated_at=known.measured_at,
        cores=known.cores,
        limit_cores=_round(known.limit_cores),
        reserved_cores=_round(sum(use.reserved_cores for use in room.running)),
        measured_cores=_round(sum(measured)) if measured else None,
        used_cores=_round(room.used_cores),
        free_cores=_round(room.free_cores),
        recordings=[_load(*each) for each in zip(active, room.running, strict=True)],
        pipelines=[_pipeline(known, room, p) for _, p in sorted(known.presets.items())],
    )


def _pipeline(known: Capacity, room: Room, preset: Preset) -> PipelineCost:
    found = places(known.costs, room.lesson(preset.name), preset.name, ASSUMED)
    return PipelineCost(
        name=preset.name,
        format=preset.format,
        measured=preset.name in known.costs.measured,
        steps=[
            StepCost(
                speed_step=place.step,
                name=preset.speeds[place.step],
                cpu_s_per_megapixel=round(known.costs.steps[preset.name][place.step], 5),
                cores=_round(place.cores),
                more=how_many(place, room),
            )
            for place in found
        ],
    )


def _load(row: Recording, use: Use) -> RecordingLoad:
    return RecordingLoad(
        id=row.id,
        mint_id=row.mint_id,
        pipeline=row.pipeline,
        speed_step=row.speed_step,
        speed_pinned=row.speed_pinned,
        reserved_cores=_round(use.reserved_cores),
        measured_cores=row.figures.get("measured_cores"),
    )


def _round(cores: float) -> float:
    return round(cores, 3)
