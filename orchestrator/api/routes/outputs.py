"""/api/recordings/{id}/outputs: what becomes of a recording besides its file."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as InPath

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures, failures_of_post
from orchestrator.api.routes.recordings import RecordingId
from orchestrator.api.schemas.common import RECORDING_ID
from orchestrator.api.schemas.outputs import OUTPUT_ID, OutputAnswer, OutputBody, OutputList
from orchestrator.api.serializers import outputs as serialize
from orchestrator.errors import (
    InvalidRequest,
    NoCapacity,
    OutputConflict,
    OutputNotFound,
    RecordingNotFound,
    TooManyOutputs,
)
from orchestrator.outputs.specs import MOST_OUTPUTS

router = APIRouter(prefix="/api/recordings/{id}/outputs", tags=["outputs"])

_UNKNOWN = RecordingNotFound(RECORDING_ID)
_UNKNOWN_OUTPUT = OutputNotFound(OUTPUT_ID)
_ENDED = OutputConflict(f"Output {OUTPUT_ID} has ended.", "It needs no removal.")

OutputId = Annotated[str, InPath(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_-]+$")]
"""An output's id: `id` in GET /api/recordings/{id}/outputs."""


@router.get("", responses=failures(_UNKNOWN), summary="List Outputs")
async def outputs(id: RecordingId, manager: ManagerHere) -> OutputList:
    """All outputs of a recording, in the order in which they were asked for."""
    rows = await manager.outputs.of_recording(id)
    return OutputList(outputs=[serialize.info(row) for row in rows])


@router.post(
    "",
    status_code=201,
    responses=failures_of_post(
        _UNKNOWN,
        InvalidRequest("Images are made from the beginning of a recording on."),
        OutputConflict(f"Recording {RECORDING_ID} has ended."),
        TooManyOutputs(RECORDING_ID, MOST_OUTPUTS),
        NoCapacity("Not enough CPU for a push that is encoded again."),
    ),
    summary="Add Output",
)
async def add(id: RecordingId, body: OutputBody, manager: ManagerHere) -> OutputAnswer:
    """Adds an output to a recording that runs; to one that has ended, an upload."""
    return OutputAnswer(**serialize.values(await manager.outputs.add(id, body.root)))


@router.delete(
    "/{output_id}",
    responses=failures(_UNKNOWN, _UNKNOWN_OUTPUT, _ENDED),
    summary="Remove Output",
)
async def remove(id: RecordingId, output_id: OutputId, manager: ManagerHere) -> OutputAnswer:
    """Ends an output. What it has made or uploaded so far stays, and the recording goes on."""
    return OutputAnswer(**serialize.values(await manager.outputs.remove(id, output_id)))


@router.post(
    "/{output_id}/retry",
    responses=failures_of_post(_UNKNOWN, _UNKNOWN_OUTPUT, _ENDED),
    summary="Retry Output",
)
async def retry(id: RecordingId, output_id: OutputId, manager: ManagerHere) -> OutputAnswer:
    """Tries an output at once that failed or waits for its next try."""
    return OutputAnswer(**serialize.values(await manager.outputs.retry(id, output_id)))
