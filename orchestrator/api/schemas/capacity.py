"""Wire types of /api/capacity."""

from __future__ import annotations

from typing import Literal

from orchestrator.api.schemas.common import MINT_ID, RECORDING_ID, Moment, Wire, example, example_of


class StepCost(Wire):
    """The cost of one speed step of a pipeline on this machine."""

    speed_step: int
    """The `speed_step` of /start; 0 is the slowest."""
    name: str
    """The encoder's own value for it."""
    cpu_s_per_megapixel: float
    """CPU seconds per megapixel, for encoding alone; of a pipeline that copies, for its packets."""
    cores: float
    """Cores for a whole 720p recording at 30 frames a second, including receiving."""
    more: int
    """How many more such recordings fit if the running ones switch to their fastest step."""

    model_config = example(
        {"speed_step": 2, "name": "10", "cpu_s_per_megapixel": 0.025, "cores": 0.95, "more": 0}
    )


class PipelineCost(Wire):
    """A pipeline that this machine's ffmpeg supports, with its speed steps."""

    name: str
    format: str
    measured: bool
    """Whether the costs were measured here (`orchestrator calibrate`). If not, built-in costs with
    a safety margin are used."""
    steps: list[StepCost]

    model_config = example(
        {"name": "av1", "format": "av1", "measured": True, "steps": [example_of(StepCost)]}
    )


class RecordingLoad(Wire):
    """The CPU that a running recording reserves and uses."""

    id: str
    mint_id: str
    pipeline: str
    speed_step: int | None
    """The slowest step that fits; null for recordings of an older version."""
    speed_pinned: bool
    """Whether the request fixed the step."""
    reserved_cores: float
    measured_cores: float | None
    """Average over the last 30 s; null until it is known."""

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
    """The CPU available to recordings, in use and free."""

    success: Literal[True] = True
    machine: str
    """The machine the costs are valid for: processor, cores, ffmpeg."""
    calibrated_at: Moment | None
    """When costs were last measured here; null if never."""
    cores: float
    """Cores this process may use (CPU affinity and control groups)."""
    limit_cores: float
    """Cores that all recordings together may use (`cpu_limit`)."""
    reserved_cores: float
    """Cores reserved by running recordings."""
    measured_cores: float | None
    """Measured use of the recordings that have run long enough; null if none has."""
    used_cores: float
    """Cores counted as used: the measured value if it exceeds the reserved one, else the mean of
    both."""
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
