"""/api/recordings: the history of recordings, their event logs and files; deleting them."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import Responses, failures
from orchestrator.api.errors import RangeNotSatisfiable
from orchestrator.api.file_responses import VideoFile, redirected
from orchestrator.api.manager_protocol import Manager
from orchestrator.api.schemas.common import OUTPUT_PATH, RECORDING_ID
from orchestrator.api.schemas.recordings import Deleted, EventLog, History, RecordingDetails
from orchestrator.api.schemas.start import StreamId
from orchestrator.api.serializers import event_log
from orchestrator.api.serializers import recordings as serialize
from orchestrator.catalog.event_tables import MAX_EVENTS
from orchestrator.catalog.models import Recording
from orchestrator.errors import (
    FilesNotDeleted,
    InvalidRequest,
    NotFound,
    PipelineBroken,
    RecordingNotFound,
    StillActive,
)
from orchestrator.mediafiles import media_types
from orchestrator.recordings.states import ACTIVE, RecordingState

router = APIRouter(prefix="/api/recordings", tags=["recordings"])


class FileMissing(NotFound):
    """The recording has no file, or another program moved or deleted it."""

    code = "file_missing"


_UNKNOWN = RecordingNotFound(RECORDING_ID)
_RUNNING = StillActive(f"Recording {RECORDING_ID} is not finished", "Stop it first.")
_NOT_DELETED = FilesNotDeleted(f"{OUTPUT_PATH} can't be deleted: Read-only file system.")
FILE_ERRORS = (
    _UNKNOWN,
    FileMissing("The file /path/to/recordings/x.av1 is gone", "It was moved or deleted."),
    _RUNNING,
)
_FILE: Responses = {
    **failures(*FILE_ERRORS, RangeNotSatisfiable("bytes=9000-", 8000)),
    200: {
        "description": "The file.",
        "content": {kind: {} for kind in media_types.OF_RECORDINGS.values()},
    },
    206: {"description": "The requested range.", "content": {"video/mp4": {}}},
    304: {"description": "The client already has this file."},
    307: {"description": "Its address at an upload target, valid for six hours."},
}

RecordingId = Annotated[str, InPath(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_-]+$")]
"""A recording's own id: `id` in the response of /start and in the history."""


@router.get("", responses=failures(), summary="List Recordings")
async def history(
    manager: ManagerHere,
    limit: Annotated[int, Query(ge=1, le=200, description="Recordings per page.")] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31, description="Recordings to skip.")] = 0,
    state: Annotated[RecordingState | None, Query(description="Only those in this state.")] = None,
    stream_id: Annotated[
        StreamId | None, Query(alias="mint_id", description="Only those of this stream.")
    ] = None,
) -> History:
    """All recordings, newest first."""
    page, total = await manager.history(
        limit=limit, offset=offset, state=state and state.value, stream_id=stream_id
    )
    return History(
        recordings=[serialize.summary(r) for r in page], total=total, limit=limit, offset=offset
    )


@router.get("/{id}", responses=failures(_UNKNOWN), summary="Get Recording")
async def get(id: RecordingId, manager: ManagerHere) -> RecordingDetails:
    """One recording with its segments, event log, figures and the contents of its files."""
    recording = await manager.get(id)
    catalog = manager.catalog
    segments, events = await catalog.segments(id), await catalog.events(id)
    outputs = await manager.outputs.of_recording(id)
    return serialize.details(recording, await catalog.files(id), segments, events, outputs)


@router.get("/{id}/events", responses=failures(_UNKNOWN), summary="Get Event Log")
async def events(
    id: RecordingId,
    manager: ManagerHere,
    limit: Annotated[
        int, Query(ge=1, le=MAX_EVENTS, description="Number of newest events.")
    ] = 1000,
) -> EventLog:
    """The event log of one recording, oldest first; /api/events delivers events live."""
    await manager.get(id)
    lines = await manager.catalog.events(id, limit)
    return EventLog(events=[event_log.event(line) for line in lines])


@router.delete(
    "/{id}", responses=failures(_UNKNOWN, _RUNNING, _NOT_DELETED), summary="Delete Recording"
)
async def delete(id: RecordingId, manager: ManagerHere) -> Deleted:
    """Deletes a finished recording and its files."""
    await manager.delete(id)
    return Deleted(id=id)


@router.head("/{id}/file", include_in_schema=False)
@router.get("/{id}/file", responses=_FILE, response_class=FileResponse, summary="Get File")
async def file(
    id: RecordingId,
    manager: ManagerHere,
    download: Annotated[bool, Query(description="Save the file instead of playing it.")] = False,
    part: Annotated[int, Query(ge=1, le=2**31, description="Part of a split recording.")] = 1,
) -> Response:
    """The finished file, to play or save. Supports Range, If-Range and If-None-Match.

    One that was uploaded and isn't here any more is at the address that a 307 leads to.
    """
    recording = await manager.get(id)
    path = await path_of(recording, part, manager)
    try:
        if await manager.uploads.is_removed(id, part):  # its name may be another recording's now
            raise _missing(recording, "it was uploaded and deleted here")
        status = await status_of(path, recording)
    except FileMissing:
        place = await manager.uploads.place_of_part(id, part)
        if place is None:
            raise
        if isinstance(place, str):
            return redirected(place)
        path, status = place, await status_of(place, recording)
    return VideoFile(
        path,
        status,
        media_type=media_type(recording.pipeline, str(path), manager),
        download=download,
    )


async def path_of(recording: Recording, part: int, manager: Manager) -> Path:
    """Path of a part; finished parts are available while the recording continues."""
    files = {file.number: Path(file.path) for file in await manager.catalog.files(recording.id)}
    if part in files:
        return files[part]
    if recording.state in ACTIVE:
        raise StillActive(
            f"Recording {recording.id} is not finished", "Its file is final once it is stopped."
        )
    if part > 1:
        raise FileMissing(
            f"Recording {recording.id} has no part {part}",
            f"GET /api/recordings/{recording.id} lists its files.",
        )
    return Path(recording.output_path)


async def status_of(path: Path, recording: Recording) -> os.stat_result:
    """The status of a recording's file; FileMissing if it does not exist."""
    try:
        status = await asyncio.to_thread(path.stat)
    except OSError as error:
        raise _missing(recording, error.strerror or str(error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise _missing(recording, "it is not a regular file")
    return status


def _missing(recording: Recording, why: str) -> FileMissing:
    if recording.state == RecordingState.FAILED:
        return FileMissing(
            f"Recording {recording.id} failed and has no final file",
            f"Its segments are in {recording.work_directory}.",
        )
    if recording.state == RecordingState.ABORTED:
        return FileMissing(
            f"Recording {recording.id} was stopped before its first frame and has no file",
            "Start a new recording.",
        )
    return FileMissing(
        f"The file {recording.output_path} can't be read: {why}",
        "Another program may have moved or deleted it.",
    )


def media_type(pipeline: str, path: str, manager: Manager) -> str:
    """The media type of a recording's files, which an encode may have replaced by others."""
    suffix = Path(path).suffix.lower()
    try:
        made_by = manager.pipelines.get(pipeline)
    except (InvalidRequest, PipelineBroken):
        return media_types.media_type(path)
    if suffix == f".{made_by.extension}":
        return made_by.mime_type
    return media_types.OF_RECORDINGS.get(suffix, made_by.mime_type)
