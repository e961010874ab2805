"""/api/recording: the Recording API document's routes, which the desktop app calls too."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as InPath

from orchestrator.api import views
from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.formats import formats_of
from orchestrator.api.responses import failures, failures_of_post
from orchestrator.api.schemas.common import MINT_ID
from orchestrator.api.schemas.recording import (
    Formats,
    MintId,
    OutputDirectory,
    SetOutputDirectoryBody,
    StartBody,
    Started,
    StopBody,
    Stopped,
)
from orchestrator.api.schemas.status import Active, Status
from orchestrator.errors import (
    AlreadyActive,
    EncoderMissing,
    FFmpegNotFound,
    InvalidOutputDirectory,
    InvalidRequest,
    NoCapacity,
    NoMedia,
    NotEnoughDisk,
    NothingToStop,
    SourceUnreachable,
    StoppedWhileStarting,
    StreamNotFound,
    TooManyRecordings,
    WorkerFailed,
)
from orchestrator.recordings.limits import asked
from orchestrator.recordings.request import StartRequest

router = APIRouter(prefix="/api/recording", tags=["recording"])

_BAD_DIRECTORY = InvalidOutputDirectory("Path is not a directory", "Name a folder that exists.")
REQUEST_ERRORS = (
    _BAD_DIRECTORY,
    InvalidRequest("Unknown output_format: 'avi'", "Use one of: av1, mp4, webm."),
    FFmpegNotFound(),
    EncoderMissing("Pipeline av1 needs libaom-av1, and the ffmpeg at /usr/bin/ffmpeg has none"),
)
"""What can be wrong with a request whatever the stream."""

_START_ERRORS = failures_of_post(
    *REQUEST_ERRORS,
    StreamNotFound(MINT_ID),
    AlreadyActive(MINT_ID),
    StoppedWhileStarting(f"The recording of {MINT_ID} was stopped before its first frame"),
    SourceUnreachable("Nothing answers at wss://example.org", "Check ORCHESTRATOR_LIVEKIT_URL."),
    TooManyRecordings("4 recordings run, and no more may (max_recordings)", retry_after_s=30),
    NoCapacity(
        "There is no room for another recording with av1: it needs 0.70 cores, and those that run "
        "leave 0.51 of the 1.70 that recordings may take, at their fastest; mp4 at speed step 2 "
        "would fit.",
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
    NoMedia("No frame came within 15 s", "Check that the stream shows a picture."),
    NotEnoughDisk("Only 100 MB are free on /path/to/recordings", "512 MB are kept free."),
)


_STOP_ERRORS = failures_of_post(
    NothingToStop(MINT_ID), WorkerFailed("The recording's process died")
)


@router.post("/start", responses=_START_ERRORS, summary="Start Recording")
async def start(body: StartBody, manager: ManagerHere) -> Started:
    """Records a stream; answers when its first frames are recorded.

    Only one recording of a stream runs at a time. Nothing is recorded with another format or
    quality than the one asked for.
    """
    return views.started(await manager.start(request_of(body)))


def request_of(body: StartBody) -> StartRequest:
    """What the body asks for."""
    # With a pipeline named and no format, the pipeline decides the format.
    left_to_pipeline = body.pipeline is not None and "output_format" not in body.model_fields_set
    return StartRequest(
        mint_id=body.mint_id,
        output_format=None if left_to_pipeline else body.output_format,
        pipeline=body.pipeline,
        video_quality=body.video_quality,
        audio_quality=body.audio_quality,
        output_directory=body.output_directory,
        speed_step=body.speed_step,
        limits=asked(
            body.max_duration_s, body.max_size_bytes, body.split_minutes, body.split_bytes
        ),
    )


@router.post(
    "/stop",
    responses=_STOP_ERRORS,
    summary="Stop Recording",
)
async def stop(body: StopBody, manager: ManagerHere) -> Stopped:
    """Ends the recording of a stream; answers when its file is final and was read back."""
    return views.stopped(await manager.stop(body.mint_id))


@router.get("/status/{mint_id:path}", responses=failures(), summary="Get Recording Status")
async def status(mint_id: Annotated[MintId, InPath()], manager: ManagerHere) -> Status:
    """How the recording of a stream stands, with its live figures.

    A stream that isn't being recorded, or that nobody knows, is no error: `is_recording` is false
    and `state` is `stopped`.
    """
    recording = await manager.status(mint_id)
    if recording is not None:
        return views.status(recording)
    return views.idle(mint_id, await manager.catalog.latest_of(mint_id))


@router.get("/active", responses=failures(), summary="Get Active Recordings")
async def active(manager: ManagerHere) -> Active:
    """All recordings that run, by stream id."""
    recordings = {r.mint_id: views.active(r) for r in await manager.active()}
    return Active(active_recordings=recordings, recordings=recordings, count=len(recordings))


@router.get("/output-directory", responses=failures(), summary="Get Output Directory")
async def output_directory(manager: ManagerHere) -> OutputDirectory:
    """Where the next recording goes, and whether it can."""
    return await _described(await manager.output_directory())


@router.post(
    "/set-output-directory",
    responses=failures_of_post(_BAD_DIRECTORY),
    summary="Set Output Directory",
)
async def set_output_directory(
    body: SetOutputDirectoryBody, manager: ManagerHere
) -> OutputDirectory:
    """Chooses where recordings go from now on, also after a restart.

    Recordings that run stay where they are.
    """
    return await _described(await manager.set_output_directory(body.directory))


async def _described(directory: Path) -> OutputDirectory:
    exists = await asyncio.to_thread(directory.is_dir)
    writable = exists and await asyncio.to_thread(os.access, directory, os.W_OK | os.X_OK)
    return OutputDirectory(output_directory=str(directory), exists=exists, writable=writable)


@router.get("/formats", responses=failures(), summary="Get Supported Formats")
async def formats(manager: ManagerHere) -> Formats:
    """The formats that can be asked for, what they are made of, and the qualities."""
    return formats_of(manager.presets.presets, manager.settings.av1_extension)
