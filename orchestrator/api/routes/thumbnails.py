"""JPEG images: the thumbnail of a finished recording, and the preview of a running one."""

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
from orchestrator.api.documented_errors import Responses, failures
from orchestrator.api.file_responses import not_modified
from orchestrator.api.routes.recordings import FILE_ERRORS, RecordingId, path_of, status_of
from orchestrator.api.schemas.common import MINT_ID
from orchestrator.api.schemas.start import StreamId
from orchestrator.errors import NoFrame
from orchestrator.recordings.figures import LiveFigures
from orchestrator.recordings.images import preview_files
from orchestrator.recordings.job import runtime_directory

router = APIRouter(tags=["thumbnails"])

MOST_KEPT: Final = 256
"""Thumbnails kept in memory, about 15 kB each; browsers cache them too."""

# One at a time: a page with fifty recordings must not take CPU from the encoders.
_executor: Final = ThreadPoolExecutor(1, thread_name_prefix="thumbnail")

_JPEG: Responses = {
    200: {"description": "The image.", "content": {"image/jpeg": {}}},
    304: {"description": "The client already has this image."},
}
_AUDIO_ONLY = NoFrame("The file /path/to/recordings/x.av1 holds audio only")


def _not_recorded(stream_id: str) -> NoFrame:
    advice = "GET /api/recording/active lists the running recordings."
    return NoFrame(f"{stream_id} is not being recorded", advice)


class Jpeg(Response):
    """An image; 304 if the client already has it."""

    media_type = "image/jpeg"

    def __init__(self, request: Request, etag: str, image: bytes, keep: str) -> None:
        known = not_modified(request.headers, etag, "")
        headers = {"ETag": etag, "Cache-Control": keep, "X-Content-Type-Options": "nosniff"}
        super().__init__(b"" if known else image, 304 if known else 200, headers)


@router.get(
    "/api/recordings/{id}/thumbnail.jpg",
    responses=failures(*FILE_ERRORS, _AUDIO_ONLY) | _JPEG,
    response_class=Response,
    summary="Get Thumbnail",
)
async def thumbnail(
    id: RecordingId,
    request: Request,
    manager: ManagerHere,
    part: Annotated[int, Query(ge=1, le=2**31, description="Part of a split recording.")] = 1,
) -> Jpeg:
    """A frame from the first third of a finished recording, at most 480 pixels wide."""
    recording = await manager.get(id)
    path = await path_of(recording, part, manager)
    status = await status_of(path, recording)
    etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    image = b""
    if not not_modified(request.headers, etag, ""):
        image = await asyncio.get_running_loop().run_in_executor(_executor, _thumbnail, path, etag)
    return Jpeg(request, etag, image, "private, max-age=86400")


@lru_cache(MOST_KEPT)
def _thumbnail(path: Path, etag: str) -> bytes:
    from orchestrator.recordings.images.thumbnails import thumbnail  # PyAV: 20 MB, on demand

    return thumbnail(path)


@router.get(
    "/api/recording/preview/{mint_id:path}.jpg",
    responses=failures(_not_recorded(MINT_ID)) | _JPEG,
    response_class=Response,
    summary="Get Preview",
)
async def preview(
    stream_id: Annotated[StreamId, InPath(alias="mint_id")], request: Request, manager: ManagerHere
) -> Jpeg:
    """The current frame of a running recording, at most two seconds old and 480 pixels wide.

    The first one takes up to a second: previews are made only while somebody requests them.
    """
    recording = await manager.status(stream_id)
    if recording is None:
        raise _not_recorded(stream_id)
    if not LiveFigures.of(recording).video.written:
        raise NoFrame(
            f"No video frame of {stream_id} has been recorded yet",
            "It has just begun, or holds audio only; GET /api/recording/status says which.",
        )
    image = await preview_files.current(runtime_directory(recording.id))
    etag = f'"{hashlib.sha256(image).hexdigest()[:32]}"'
    return Jpeg(request, etag, image, "private, no-cache")
