"""/api/videos: the desktop app's library, which shows the final files of recordings.

A file is there as soon as it is final: a part of a split recording while the rest goes on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.responses import failures, failures_of_post
from orchestrator.api.schemas.common import OUTPUT_PATH
from orchestrator.api.schemas.videos import (
    AddVideoBody,
    Filecoin,
    Timestamp,
    VideoGroup,
    VideoInfo,
    VideoMessage,
)
from orchestrator.api.video_views import VideoViews
from orchestrator.catalog.library import Video
from orchestrator.errors import VideoNotFound

router = APIRouter(prefix="/api/videos", tags=["videos"])

_UNKNOWN: Final = VideoNotFound(OUTPUT_PATH)


def _here(request: Request, manager: ManagerHere) -> VideoViews:
    return VideoViews(manager, str(request.base_url))


ViewsHere = Annotated[VideoViews, Depends(_here)]
VideoPath = Annotated[
    str, InPath(min_length=1, max_length=4096, description="Of the file, its slashes as %2F.")
]
Skip = Annotated[int, Query(ge=0, le=2**31, description="Videos to skip.")]
Limit = Annotated[int, Query(ge=1, le=10_000, description="Videos at most.")]


@router.get("/", responses=failures(), summary="List Videos")
async def videos(
    manager: ManagerHere, views: ViewsHere, skip: Skip = 0, limit: Limit = 1000
) -> list[VideoInfo]:
    """Final files, those that were moved to the front first, then the newest: a bare list."""
    found = await manager.library.videos(limit=limit, skip=skip)
    return [views.info(video) for video in found]


@router.get("/grouped", responses=failures(), summary="List Videos By Stream")
async def grouped(
    manager: ManagerHere, views: ViewsHere, skip: Skip = 0, limit: Limit = 1000
) -> list[VideoGroup]:
    """The same in groups, one for each stream: a bare list."""
    found = await manager.library.videos(limit=limit, skip=skip)
    by_stream = groupby(sorted(found, key=_mint_of), key=_mint_of)  # sorted() keeps their order
    return [views.group(list(group)) for _, group in by_stream]


@router.post("/", responses=failures_of_post(_UNKNOWN), summary="Show Video Again")
async def add(body: AddVideoBody, manager: ManagerHere, views: ViewsHere) -> VideoInfo:
    """Shows a file that was taken out of the library. Only files of recordings can be in it."""
    await manager.library.show(body.path, listed=True)
    return views.info(await manager.library.get(body.path))


@router.delete("/{path:path}", responses=failures(_UNKNOWN), summary="Take Video Out")
async def delete(path: VideoPath, manager: ManagerHere) -> VideoMessage:
    """Takes a file out of the library, as the app's own server does: the file itself stays.

    DELETE /api/recordings/{id} deletes a recording with its files.
    """
    await manager.library.show(path, listed=False)
    return VideoMessage(message="Video deleted successfully")


@router.put("/{path:path}/move-to-front", responses=failures(_UNKNOWN), summary="Move To Front")
async def move_to_front(path: VideoPath, manager: ManagerHere) -> VideoMessage:
    """Shows a file before all others."""
    await manager.library.move_to_front(path)
    return VideoMessage(message="Video moved to front successfully")


@router.get("/{path:path}/timestamps/", responses=failures(_UNKNOWN), summary="List Timestamps")
async def timestamps(path: VideoPath, manager: ManagerHere) -> list[Timestamp]:
    """What an analysis found in a file: an empty list, as nothing is analysed here.

    The app's player opens no file without it.
    """
    await manager.library.get(path)
    return []


@router.put(
    "/{path:path}/filecoin-metadata",
    responses=failures_of_post(_UNKNOWN),
    summary="Remember Upload",
)
async def remember_upload(
    path: VideoPath, body: Filecoin, manager: ManagerHere, views: ViewsHere
) -> VideoInfo:
    """Remembers where the app has uploaded a file to, so that it doesn't upload it again."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    await manager.library.remember(path, body.model_dump() | {"uploaded_at": now})
    return views.info(await manager.library.get(path))


def _mint_of(video: Video) -> str:
    return video.recording.mint_id
