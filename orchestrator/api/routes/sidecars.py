"""/api/recordings/{id}/sidecars: images, WebVTT, data and the like beside a recording's file."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from fastapi.responses import Response

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import Responses, failures
from orchestrator.api.errors import RangeNotSatisfiable
from orchestrator.api.growing_files import growing_file, read_file
from orchestrator.api.routes.recordings import FileMissing, RecordingId
from orchestrator.api.schemas.common import RECORDING_ID
from orchestrator.api.schemas.sidecars import SIDECAR, SidecarList
from orchestrator.api.serializers import sidecars as serialize
from orchestrator.catalog.sidecars.model import SidecarFile
from orchestrator.errors import RecordingNotFound, SidecarNotFound
from orchestrator.mediafiles.media_types import media_type
from orchestrator.recordings.sidecars.names import SidecarKind

router = APIRouter(prefix="/api/recordings/{id}/sidecars", tags=["sidecars"])

_UNKNOWN = RecordingNotFound(RECORDING_ID)
_CHANGES = "private, no-cache"
_STAYS = "private, max-age=86400"

_FILE: Responses = {
    **failures(
        _UNKNOWN,
        SidecarNotFound(RECORDING_ID, SIDECAR),
        FileMissing(f"The file {SIDECAR} is gone", "It was moved or deleted."),
        RangeNotSatisfiable("bytes=9000-", 8000),
    ),
    200: {
        "description": "The file.",
        "content": {kind: {} for kind in ("image/jpeg", "image/webp", "text/vtt")},
    },
    206: {"description": "The requested range.", "content": {"image/jpeg": {}}},
    304: {"description": "The client already has this file."},
}


@router.get("", responses=failures(_UNKNOWN), summary="List Sidecars")
async def sidecars(
    id: RecordingId,
    manager: ManagerHere,
    kind: Annotated[SidecarKind | None, Query(description="Only those of this kind.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Files per page.")] = 1000,
    offset: Annotated[int, Query(ge=0, le=2**31, description="Files to skip.")] = 0,
) -> SidecarList:
    """The files beside a recording's own, by name: images (in the order of their times), the sprite
    of a player's time line, data, the manifest. Also while it is recorded."""
    await manager.get(id)
    rows, total = await manager.sidecars.page(
        id, kind=kind and kind.value, limit=limit, offset=offset
    )
    files = [serialize.info(row) for row in rows]
    return SidecarList(sidecars=files, total=total, limit=limit, offset=offset)


@router.head("/{name:path}", include_in_schema=False)
@router.get("/{name:path}", responses=_FILE, response_class=Response, summary="Get Sidecar")
async def sidecar(
    id: RecordingId,
    name: Annotated[str, InPath(max_length=512, description="Its name in the list.")],
    request: Request,
    manager: ManagerHere,
) -> Response:
    """One of these files, also while it is recorded. Supports Range, If-Range, If-None-Match."""
    await manager.get(id)
    row = await manager.sidecars.get(id, name)
    try:
        file = await asyncio.to_thread(read_file, Path(row.path))
    except OSError as error:
        raise _missing(row, error.strerror or str(error)) from error
    if not stat.S_ISREG(file.status.st_mode):
        raise _missing(row, "it is not a regular file")
    keep = _STAYS if row.kind == SidecarKind.IMAGE else _CHANGES
    return growing_file(file, request.scope, media_type(row.name), keep)


def _missing(row: SidecarFile, why: str) -> FileMissing:
    return FileMissing(
        f"The file {row.path} can't be read: {why}",
        "Another program may have moved or deleted it, or it is being moved; then try again.",
    )
