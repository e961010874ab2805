"""/api/encodes: finished recordings that are encoded again, in a queue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as InPath

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures, failures_of_post
from orchestrator.api.routes.recordings import RecordingId
from orchestrator.api.schemas.common import RECORDING_ID
from orchestrator.api.schemas.encodes import (
    ENCODE_ID,
    EncodeAnswer,
    EncodeBody,
    EncodeList,
    QueueAnswer,
    QueueBody,
)
from orchestrator.api.serializers import encodes as serialize
from orchestrator.errors import (
    AlreadyEncoding,
    EncodeNotFound,
    EncoderMissing,
    FFmpegNotFound,
    InvalidRequest,
    NotEnoughDisk,
    RecordingNotFound,
    StillActive,
    TooManyEncodes,
    Unavailable,
)
from orchestrator.recordings.encodes.states import EncodeState

router = APIRouter(prefix="/api", tags=["encodes"])

_UNKNOWN = EncodeNotFound(ENCODE_ID)
_ERRORS = failures_of_post(
    RecordingNotFound(RECORDING_ID),
    InvalidRequest(
        "Pipeline mine has no later profile, which encoding a file again needs.",
        "Pipelines with one: av1, av1-svt, mp4, webm.",
    ),
    StillActive(f"Recording {RECORDING_ID} is still running.", "Stop it, then encode its file."),
    AlreadyEncoding(RECORDING_ID),
    TooManyEncodes("1000 encodes are queued, which is the limit."),
    FFmpegNotFound(),
    EncoderMissing("Pipeline av1-svt needs libsvtav1, which the ffmpeg at /usr/bin/ffmpeg lacks"),
    NotEnoughDisk("Only 100 MiB can be written in /path/to/recordings", "Free some space."),
)
_SLOW = Unavailable(f"Encode {ENCODE_ID} hasn't ended after 20 s.", "It is being cancelled.")

EncodeId = Annotated[str, InPath(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_-]+$")]
"""An encode's id: `id` in the response of POST /api/recordings/{id}/encode."""


@router.post(
    "/recordings/{id}/encode", status_code=202, responses=_ERRORS, summary="Encode Recording Again"
)
async def encode(
    id: RecordingId, manager: ManagerHere, body: EncodeBody | None = None
) -> EncodeAnswer:
    """Queues all files of a finished recording to be encoded again, slowly and small.

    One encode runs at a time, only while nothing else needs the cores. The new files lie beside the
    recording's, or take their place (`replace`).
    """
    options = serialize.options_of(body or EncodeBody(), manager.settings)
    return EncodeAnswer(**serialize.values(await manager.encodes.add(id, options)))


@router.get("/encodes", responses=failures(), summary="List Encodes")
async def encodes(
    manager: ManagerHere,
    limit: Annotated[int, Query(ge=1, le=200, description="Encodes per page.")] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31, description="Encodes to skip.")] = 0,
    state: Annotated[EncodeState | None, Query(description="Only those in this state.")] = None,
    recording_id: Annotated[
        str | None, Query(max_length=64, description="Only those of this recording.")
    ] = None,
) -> EncodeList:
    """All encodes, newest first, and why the queue is paused, if it is."""
    page, total = await manager.encodes.page(
        limit=limit, offset=offset, state=state and state.value, recording_id=recording_id
    )
    return EncodeList(
        paused=manager.encodes.pause_reason,
        encodes=[serialize.info(row) for row in page],
        total=total,
        limit=limit,
        offset=offset,
    )


@router.put("/encodes/queue", responses=failures_of_post(), summary="Pause or Resume Encoding")
async def pause(body: QueueBody, manager: ManagerHere) -> QueueAnswer:
    """Pauses the queue, or has it go on, until this is asked for again, over restarts too.

    What runs is stopped and keeps its finished chunks. On battery power the queue stays paused, as
    the setting `encode_on_battery` says; `paused` then has that reason.
    """
    return QueueAnswer(paused=await manager.encodes.pause(paused=body.paused))


@router.get("/encodes/{id}", responses=failures(_UNKNOWN), summary="Get Encode")
async def get(id: EncodeId, manager: ManagerHere) -> EncodeAnswer:
    """One encode, with its progress or what came of it."""
    return EncodeAnswer(**serialize.values(await manager.encodes.get(id)))


@router.delete("/encodes/{id}", responses=failures(_UNKNOWN, _SLOW), summary="Cancel Encode")
async def cancel(id: EncodeId, manager: ManagerHere) -> EncodeAnswer:
    """Cancels an encode and removes what it made; responds when it has ended.

    The recording stays as it is. An encode that has ended, or ends just now, stays as it is, too:
    `state` says how.
    """
    return EncodeAnswer(**serialize.values(await manager.encodes.cancel(id)))
