"""/api/recording: start, stop and status, as in the Recording API document and the desktop app."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import structlog
from fastapi import APIRouter
from fastapi import Path as InPath

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures, failures_of_post
from orchestrator.api.schemas.common import MINT_ID
from orchestrator.api.schemas.recording_control import (
    Formats,
    OutputDirectory,
    PauseBody,
    Paused,
    ResumeBody,
    SetOutputDirectoryBody,
    Started,
    StopBody,
    Stopped,
)
from orchestrator.api.schemas.start import StartBody, StreamId
from orchestrator.api.schemas.status import Active, Status
from orchestrator.api.serializers import recordings as serialize
from orchestrator.api.serializers.encodes import options_of
from orchestrator.api.serializers.formats import described
from orchestrator.errors import (
    AlreadyActive,
    EncoderMissing,
    EndToEndEncrypted,
    FFmpegNotFound,
    InvalidOutputDirectory,
    InvalidRequest,
    NoCapacity,
    NoMedia,
    NotEnoughDisk,
    NothingToPause,
    NothingToStop,
    PauseConflict,
    SourceUnreachable,
    StoppedWhileStarting,
    StreamNotFound,
    TooManyRecordings,
    WorkerFailed,
)
from orchestrator.recordings.formats import formats_of
from orchestrator.recordings.limits import requested_limits
from orchestrator.recordings.notes import QUALITIES_IGNORED, UNKNOWN_FIELDS
from orchestrator.recordings.start_request import StartRequest
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/api/recording", tags=["recording"])

_BAD_DIRECTORY = InvalidOutputDirectory("Path is not a directory", "Choose an existing folder.")
REQUEST_ERRORS = (
    _BAD_DIRECTORY,
    InvalidRequest("Unknown output_format: 'avi'", "Use one of: av1, mp4, webm."),
    FFmpegNotFound(),
    EncoderMissing("Pipeline av1 needs libaom-av1, which the ffmpeg at /usr/bin/ffmpeg lacks"),
)
"""Errors of a request that do not depend on the stream."""

_START_ERRORS = failures_of_post(
    *REQUEST_ERRORS,
    StreamNotFound(MINT_ID),
    AlreadyActive(MINT_ID),
    StoppedWhileStarting(f"The recording of {MINT_ID} was stopped before its first frame"),
    SourceUnreachable("wss://example.org does not answer", "Check ORCHESTRATOR_LIVEKIT_URL."),
    TooManyRecordings(
        "4 recordings are running, the most allowed (max_recordings)", retry_after_s=30
    ),
    NoCapacity(
        "Not enough CPU for another recording with av1: it needs 0.70 cores, and running "
        "recordings leave 0.51 of the 1.70 for recordings, even at their fastest steps; mp4 at "
        "speed step 2 would fit.",
        "Stop one, wait until one has ended, or raise ORCHESTRATOR_CPU_LIMIT.",
        needed_cores=0.7,
        free_cores=0.32,
        could_be_free_cores=0.51,
        used_cores=1.38,
        limit_cores=1.7,
        recordings=2,
        fits={"pipeline": "mp4", "speed_step": 2},
        retry_after_s=30,
    ),
    NoMedia("No frame came within 15 s", "Check that the stream has video or audio."),
    EndToEndEncrypted(
        "Camera video of 'anna' (VP8) is end-to-end encrypted, and the key that is given for it "
        "(key_index 0) is not the right one: nothing of it is recorded.",
        "Give the key of the room, then start again.",
    ),
    NotEnoughDisk("Only 100 MB are free on /path/to/recordings", "512 MB are kept free."),
)


_STOP_ERRORS = failures_of_post(
    NothingToStop(MINT_ID), WorkerFailed("The recording's process died")
)


_PAUSE_ERRORS = failures_of_post(
    NothingToPause(MINT_ID),
    PauseConflict(
        f"The recording of {MINT_ID} has no first frame yet.",
        "It can be paused as soon as its state is `recording`.",
    ),
    WorkerFailed(f"The worker of {MINT_ID} has not answered within 10 s."),
)


@router.post("/start", responses=_START_ERRORS, summary="Start Recording")
async def start(body: StartBody, manager: ManagerHere) -> Started:
    """Starts recording a stream; responds when its first frames are recorded.

    A stream has at most one running recording. The format and quality are always those requested.
    """
    recording = await manager.start(request_of(body, manager.settings))
    asked = {"video_quality", "audio_quality"} & body.model_fields_set
    ignored = recording.tracks is not None and recording.instead_of is None and asked
    notes = [QUALITIES_IGNORED] if ignored else []
    return serialize.started(recording, [*notes, *unknown_fields(body)])


def unknown_fields(body: StartBody) -> list[str]:
    """A note for the answer, and a line in the log, on fields that mean nothing: names only."""
    if not (names := body.ignored):
        return []
    log.warning("unknown fields of a request were ignored", stream=body.mint_id, fields=names)
    return [UNKNOWN_FIELDS.format(", ".join(names))]


def request_of(body: StartBody, settings: Settings) -> StartRequest:
    """The request that the body describes."""
    # With a pipeline and no format, the pipeline determines the format.
    format_from_pipeline = (
        body.pipeline is not None and "output_format" not in body.model_fields_set
    )
    return StartRequest(
        stream_id=body.mint_id,
        output_format=None if format_from_pipeline else body.output_format,
        pipeline=body.pipeline,
        video_quality=body.video_quality,
        audio_quality=body.audio_quality,
        output_directory=body.output_directory,
        speed_step=body.speed_step,
        tracks=body.tracks,
        e2ee=body.e2ee,
        outputs=None if body.outputs is None else tuple(body.outputs),
        webhooks=None if body.webhooks is None else tuple(body.webhooks),
        data=body.data,
        hide_recording=body.hide_recording,
        encode=options_of(body.encode, settings) if body.encode else None,
        limits=requested_limits(
            body.max_duration_s, body.max_size_bytes, body.split_minutes, body.split_bytes
        ),
    )


@router.post(
    "/stop",
    responses=_STOP_ERRORS,
    summary="Stop Recording",
)
async def stop(body: StopBody, manager: ManagerHere) -> Stopped:
    """Stops the recording of a stream; responds when its file is final and has been verified.

    A recording without a first frame is stopped too: its `state` is `aborted`, and it has no file.
    """
    return serialize.stopped(await manager.stop(body.mint_id))


@router.post("/pause", responses=_PAUSE_ERRORS, summary="Pause Recording")
async def pause(body: PauseBody, manager: ManagerHere) -> Paused:
    """Pauses the recording of a stream; responds when nothing more of it is recorded.

    Connection, decoders and encoder stay ready, so that it goes on at once. One that is paused
    already stays as it is.
    """
    return serialize.paused(await manager.pause(body.mint_id, still=body.still))


@router.post("/resume", responses=_PAUSE_ERRORS, summary="Resume Recording")
async def resume(body: ResumeBody, manager: ManagerHere) -> Paused:
    """Has a paused recording go on; responds when it records again.

    One that isn't paused goes on as it is.
    """
    return serialize.paused(await manager.resume(body.mint_id))


@router.get("/status/{mint_id:path}", responses=failures(), summary="Get Recording Status")
async def status(
    stream_id: Annotated[StreamId, InPath(alias="mint_id")], manager: ManagerHere
) -> Status:
    """The state of a stream's recording, with its live figures.

    A stream that is not being recorded, or is unknown, is not an error: `is_recording` is false and
    `state` is `stopped`.
    """
    recording = await manager.status(stream_id)
    if recording is not None:
        return serialize.status(recording, await manager.outputs.of_recording(recording.id))
    return serialize.idle(stream_id, await manager.catalog.latest_of(stream_id))


@router.get("/active", responses=failures(), summary="Get Active Recordings")
async def active(manager: ManagerHere) -> Active:
    """All running recordings, by stream id."""
    running = await manager.active()
    outputs = await manager.outputs.of_recordings([r.id for r in running])
    recordings = {r.stream_id: serialize.active(r, outputs[r.id]) for r in running}
    return Active(active_recordings=recordings, recordings=recordings, count=len(recordings))


@router.get("/output-directory", responses=failures(), summary="Get Output Directory")
async def output_directory(manager: ManagerHere) -> OutputDirectory:
    """The folder of the next recording, and whether it exists and is writable."""
    return await _described(await manager.output_directory())


@router.post(
    "/set-output-directory",
    responses=failures_of_post(_BAD_DIRECTORY),
    summary="Set Output Directory",
)
async def set_output_directory(
    body: SetOutputDirectoryBody, manager: ManagerHere
) -> OutputDirectory:
    """Sets the output directory for new recordings, also after a restart.

    Running recordings stay where they are.
    """
    return await _described(await manager.set_output_directory(body.directory))


async def _described(directory: Path) -> OutputDirectory:
    exists = await asyncio.to_thread(directory.is_dir)
    writable = exists and await asyncio.to_thread(os.access, directory, os.W_OK | os.X_OK)
    return OutputDirectory(output_directory=str(directory), exists=exists, writable=writable)


@router.get("/formats", responses=failures(), summary="Get Supported Formats")
async def formats(manager: ManagerHere) -> Formats:
    """The available formats, their codecs, and the qualities."""
    return described(formats_of(manager.pipelines.by_name), manager.settings.av1_extension)
