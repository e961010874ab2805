"""Pictures to look at: one of each finished recording, and what is being recorded now."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from fastapi.responses import Response

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.figures import whole
from orchestrator.api.files import not_modified
from orchestrator.api.recordings import FILE_ERRORS, RecordingId, path_of, status_of
from orchestrator.api.responses import Responses, failures
from orchestrator.api.schemas.common import MINT_ID
from orchestrator.api.schemas.recording import MintId
from orchestrator.errors import NoPicture
from orchestrator.recordings import pictures, previews
from orchestrator.recordings.worker import runtime_directory

router = APIRouter(tags=["pictures"])

MOST_KEPT: Final = 256
"""Thumbnails kept in memory, some 15 kB each; of what browsers keep we never hear again."""

# One at a time: a page that shows fifty recordings must not take the cores that encode.
_maker: Final = ThreadPoolExecutor(1, thread_name_prefix="thumbnail")

_JPEG: Responses = {
    200: {"description": "The picture.", "content": {"image/jpeg": {}}},
    304: {"description": "The client has this very picture already."},
}
_SOUND_ONLY = NoPicture("The file /path/to/recordings/x.av1 holds sound only")


def _not_recorded(mint_id: str) -> NoPicture:
    advice = "GET /api/recording/active lists what is."
    return NoPicture(f"{mint_id} is not being recorded", advice)


class Jpeg(Response):
    """A picture that isn't sent again to who has it."""

    media_type = "image/jpeg"

    def __init__(self, request: Request, etag: str, picture: bytes, keep: str) -> None:
        known = not_modified(request.headers, etag, "")
        headers = {"ETag": etag, "Cache-Control": keep, "X-Content-Type-Options": "nosniff"}
        super().__init__(b"" if known else picture, 304 if known else 200, headers)


@router.get(
    "/api/recordings/{id}/thumbnail.jpg",
    responses=failures(*FILE_ERRORS, _SOUND_ONLY) | _JPEG,
    response_class=Response,
    summary="Get Thumbnail",
)
async def thumbnail(
    id: RecordingId,
    request: Request,
    manager: ManagerHere,
    part: Annotated[int, Query(ge=1, le=2**31, description="Of a split recording.")] = 1,
) -> Jpeg:
    """A picture from the first third of a finished recording, at most 480 pixels wide."""
    recording = await manager.get(id)
    path = await path_of(recording, part, manager)
    status = await status_of(path, recording)
    etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    made = b""
    if not not_modified(request.headers, etag, ""):
        made = await asyncio.get_running_loop().run_in_executor(_maker, _thumbnail, path, etag)
    return Jpeg(request, etag, made, "private, max-age=86400")


@lru_cache(MOST_KEPT)
def _thumbnail(path: Path, etag: str) -> bytes:
    return pictures.thumbnail(path)


@router.get(
    "/api/recording/preview/{mint_id:path}.jpg",
    responses=failures(_not_recorded(MINT_ID)) | _JPEG,
    response_class=Response,
    summary="Get Preview",
)
async def preview(
    mint_id: Annotated[MintId, InPath()], request: Request, manager: ManagerHere
) -> Jpeg:
    """What is being recorded now, at most two seconds old and 480 pixels wide.

    The first one takes up to a second: pictures are made only while somebody asks.
    """
    recording = await manager.status(mint_id)
    if recording is None:
        raise _not_recorded(mint_id)
    if not whole(recording.figures, "video", "written"):
        raise NoPicture(
            f"No picture of {mint_id} was recorded yet",
            "It has just begun, or holds sound only; GET /api/recording/status says which.",
        )
    picture = await previews.current(runtime_directory(recording.id))
    etag = f'"{hashlib.sha256(picture).hexdigest()[:32]}"'
    return Jpeg(request, etag, picture, "private, no-cache")
