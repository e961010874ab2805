"""/api/videos: the desktop app's library, which shows the final files of recordings.

A file appears as soon as it is final: a part of a split recording while the recording continues.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as InPath
from pydantic import TypeAdapter

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures, failures_of_post
from orchestrator.api.schemas.common import OUTPUT_PATH
from orchestrator.api.schemas.video_library import (
    AddVideoBody,
    Filecoin,
    Timestamp,
    VideoGroup,
    VideoInfo,
    VideoMessage,
)
from orchestrator.api.serializers.videos import VideoSerializer
from orchestrator.catalog.video_library import Video
from orchestrator.errors import VideoNotFound

_T = TypeVar("_T")

router = APIRouter(prefix="/api/videos", tags=["videos"])

_VIDEOS: Final = TypeAdapter(list[VideoInfo])
_GROUPS: Final = TypeAdapter(list[VideoGroup])
_UNKNOWN: Final = VideoNotFound(OUTPUT_PATH)


async def _here(request: Request, manager: ManagerHere) -> VideoSerializer:
    return VideoSerializer(manager, str(request.base_url))


SerializerHere = Annotated[VideoSerializer, Depends(_here)]
VideoPath = Annotated[
    str, InPath(min_length=1, max_length=4096, description="Path of the file, with slashes as %2F.")
]
Skip = Annotated[int, Query(ge=0, le=2**31, description="Videos to skip.")]
Limit = Annotated[int, Query(ge=1, le=10_000, description="Maximum number of videos.")]


@router.get("/", response_model=list[VideoInfo], responses=failures(), summary="List Videos")
async def videos(
    manager: ManagerHere, serializer: SerializerHere, skip: Skip = 0, limit: Limit = 1000
) -> Response:
    """Final files as a plain list: those moved to the front first, then the newest."""
    videos = await manager.library.videos(limit=limit, skip=skip)
    return await _written(_VIDEOS, lambda: [serializer.info(video) for video in videos])


@router.get(
    "/grouped",
    response_model=list[VideoGroup],
    responses=failures(),
    summary="List Videos By Stream",
)
async def grouped(
    manager: ManagerHere, serializer: SerializerHere, skip: Skip = 0, limit: Limit = 1000
) -> Response:
    """Final files grouped by stream, as a plain list."""
    videos = await manager.library.videos(limit=limit, skip=skip)
    videos.sort(key=_mint_of)  # which keeps their order
    groups = (list(group) for _, group in groupby(videos, key=_mint_of))
    return await _written(_GROUPS, lambda: [serializer.group(group) for group in groups])


@router.post("/", responses=failures_of_post(_UNKNOWN), summary="Show Video Again")
async def add(body: AddVideoBody, manager: ManagerHere, serializer: SerializerHere) -> VideoInfo:
    """Shows a file that was removed from the library. Only files of recordings can be added."""
    await manager.library.show(body.path, listed=True)
    return serializer.info(await manager.library.get(body.path))


@router.delete("/{path:path}", responses=failures(_UNKNOWN), summary="Remove Video From Library")
async def delete(path: VideoPath, manager: ManagerHere) -> VideoMessage:
    """Removes a file from the library, like the app's own server; the file itself stays.

    DELETE /api/recordings/{id} deletes a recording with its files.
    """
    await manager.library.show(path, listed=False)
    return VideoMessage(message="Video deleted successfully")


@router.put("/{path:path}/move-to-front", responses=failures(_UNKNOWN), summary="Move To Front")
async def move_to_front(path: VideoPath, manager: ManagerHere) -> VideoMessage:
    """Moves a file to the front of the list."""
    await manager.library.move_to_front(path)
    return VideoMessage(message="Video moved to front successfully")


@router.get("/{path:path}/timestamps/", responses=failures(_UNKNOWN), summary="List Timestamps")
async def timestamps(path: VideoPath, manager: ManagerHere) -> list[Timestamp]:
    """The analysis of a file: always an empty list, because this server analyses nothing.

    The app's player requires this route.
    """
    await manager.library.get(path)
    return []


@router.put(
    "/{path:path}/filecoin-metadata",
    responses=failures_of_post(_UNKNOWN),
    summary="Remember Upload",
)
async def remember_upload(
    path: VideoPath, body: Filecoin, manager: ManagerHere, serializer: SerializerHere
) -> VideoInfo:
    """Stores where the app uploaded a file to, so that it is not uploaded again."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    await manager.library.remember(path, body.model_dump() | {"uploaded_at": now})
    return serializer.info(await manager.library.get(path))


async def _written(adapter: TypeAdapter[_T], made: Callable[[], _T]) -> Response:
    """The answer, made in a thread: thousands of files take longer than the event loop may."""

    def written() -> bytes:
        return adapter.dump_json(made(), by_alias=True)

    return Response(await asyncio.to_thread(written), media_type="application/json")


def _mint_of(video: Video) -> str:
    return video.stream_id
