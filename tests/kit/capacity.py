"""A machine of two cores, and recordings that are taken in on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from orchestrator.capacity.admission import Capacity, admit_recording
from orchestrator.capacity.costs import costs_of
from orchestrator.capacity.cpu_budget import ASSUMED, EncoderInput
from orchestrator.catalog.models import Recording
from orchestrator.catalog.reservations import Admit
from orchestrator.encoding.pipeline.command import Pipelines
from tests.kit.catalog.rows import recording

PIPELINES = Pipelines.load(None).by_name
MP4, AV1 = PIPELINES["mp4"], PIPELINES["av1"]
MACHINE = Capacity("m", 2.0, 1.7, costs_of(PIPELINES.values(), []), None, PIPELINES)


def cores(pipeline: str, step: int, frame: EncoderInput = ASSUMED) -> float:
    return MACHINE.costs.cores(pipeline, step, frame)


def admit(
    recording: Recording, active: Sequence[Recording], pinned: int | None = None, **changes: Any
) -> Recording:
    pipeline = PIPELINES[recording.pipeline]
    decide(admit_recording(replace(MACHINE, **changes), pipeline, pinned, None), recording, active)
    return recording


def decide(admit: Admit, recording: Recording, others: Sequence[Recording]) -> None:
    """Decides, and writes it to the rows as the catalog does."""
    if (decided := admit(recording, others)) is not None:
        decided.write_to(recording, others)


def row(id: str, **columns: Any) -> Recording:
    values = {"pipeline": "mp4", "figures": {}, "speed_pinned": False, "reserved_cores": None}
    return recording(id, f"room {id}", **(values | columns))


def running(id: str, step: int, **columns: Any) -> Recording:
    """One that has reserved what its step takes."""
    values = {"speed_step": step, "reserved_cores": cores("mp4", step), "state": "recording"}
    return row(id, **(values | columns))
