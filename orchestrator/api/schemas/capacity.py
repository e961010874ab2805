"""Wire types of /api/capacity."""

from __future__ import annotations

from typing import Literal

from orchestrator.api.schemas.common import MINT_ID, RECORDING_ID, Moment, Wire, example, example_of


class StepCost(Wire):
    """What one speed step of a pipeline costs on this machine."""

    speed_step: int
    """What /start takes as `speed_step`; 0 is the slowest."""
    name: str
    """The encoder's own word for it."""
    cpu_s_per_megapixel: float
    """Of encoding alone."""
    cores: float
    """Of a whole recording of 720p at 30 pictures a second: receiving, too."""
    more: int
    """How many such recordings there is room for, when those that run go as fast as they can."""

    model_config = example(
        {"speed_step": 2, "name": "10", "cpu_s_per_megapixel": 0.025, "cores": 0.95, "more": 0}
    )


class PipelineCost(Wire):
    """A pipeline that this machine's ffmpeg can do, with its steps."""

    name: str
    format: str
    measured: bool
    """Measured here (`orchestrator calibrate`); else shipped costs are used, raised for caution."""
    steps: list[StepCost]

    model_config = example(
        {"name": "av1", "format": "av1", "measured": True, "steps": [example_of(StepCost)]}
    )


class RecordingLoad(Wire):
    """What a recording that runs takes."""

    id: str
    mint_id: str
    pipeline: str
    speed_step: int | None
    """The slowest there is room for; null for recordings of an older version."""
    speed_pinned: bool
    """Asked for, and kept to."""
    reserved_cores: float
    measured_cores: float | None
    """Over the last half minute; null while it isn't known."""

    model_config = example(
        {
            "id": RECORDING_ID,
            "mint_id": MINT_ID,
            "pipeline": "av1",
            "speed_step": 2,
            "speed_pinned": False,
            "reserved_cores": 0.95,
            "measured_cores": 0.81,
        }
    )


class CapacityInfo(Wire):
    """The machine as recordings see it."""

    success: Literal[True] = True
    machine: str
    """What the costs belong to: processor, cores, ffmpeg."""
    calibrated_at: Moment | None
    """When costs were measured here last; null when they never were."""
    cores: float
    """That we may use, by affinity and control groups."""
    limit_cores: float
    """That recordings may take together (`cpu_limit`)."""
    reserved_cores: float
    """What those that run have reserved."""
    measured_cores: float | None
    """What those of them were seen to use that ran long enough; null when none did."""
    used_cores: float
    """What counts: what is measured, if that is more; else halfway between both."""
    free_cores: float
    recordings: list[RecordingLoad]
    pipelines: list[PipelineCost]

    model_config = example(
        {
            "success": True,
            "machine": "AMD EPYC, 2 cores, ffmpeg 9.0.2 (80000000 bytes)",
            "calibrated_at": "2024-12-01T14:00:00.000+00:00",
            "cores": 2.0,
            "limit_cores": 1.7,
            "reserved_cores": 0.95,
            "measured_cores": 0.81,
            "used_cores": 0.88,
            "free_cores": 0.82,
            "recordings": [example_of(RecordingLoad)],
            "pipelines": [example_of(PipelineCost)],
        }
    )
