"""/api/recordings/{id}/uploads: files of a recording at upload targets, and where to play them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as InPath
from fastapi.responses import Response

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import Responses, failures
from orchestrator.api.file_responses import VideoFile, redirected
from orchestrator.api.routes.playback.hls import PLAYLIST_TYPE
from orchestrator.api.routes.recordings import FileMissing, RecordingId, media_type, status_of
from orchestrator.api.schemas.common import RECORDING_ID
from orchestrator.api.schemas.uploads import UPLOADED, UploadedFileInfo, UploadedFileList
from orchestrator.errors import RecordingNotFound, UploadDenied, UploadedFileNotFound

router = APIRouter(prefix="/api/recordings/{id}/uploads", tags=["outputs"])

_UNKNOWN = RecordingNotFound(RECORDING_ID)

_FILE: Responses = {
    **failures(
        _UNKNOWN,
        UploadedFileNotFound(RECORDING_ID, UPLOADED),
        FileMissing(f"The file {UPLOADED} is gone", "It was moved or deleted."),
        UploadDenied("There are no keys for s3://bucket/prefix.", "Give them in the options."),
    ),
    200: {"description": "The file, if its target is a folder.", "content": {"video/mp4": {}}},
    307: {"description": "Its address with a signature that is valid for six hours."},
}


@router.get("", responses=failures(_UNKNOWN), summary="List Uploaded Files")
async def uploads(id: RecordingId, manager: ManagerHere) -> UploadedFileList:
    """Files of a recording that have arrived at their targets and were checked, newest first."""
    rows = await manager.uploads.of_recording(id)
    names = UploadedFileInfo.model_fields
    files = [UploadedFileInfo(**{name: getattr(row, name) for name in names}) for row in rows]
    return UploadedFileList(files=files)


@router.head("/{name:path}", include_in_schema=False)
@router.get("/{name:path}", responses=_FILE, response_class=Response, summary="Get Uploaded File")
async def uploaded(
    id: RecordingId,
    name: Annotated[str, InPath(max_length=512, description="Its name in the list.")],
    manager: ManagerHere,
) -> Response:
    """Leads to one of them: an address at the target with a signature, for a player; of a folder
    the file itself. Playlists of HLS (`hls/master.m3u8`) are sent, so that what they name leads
    there, too."""
    recording = await manager.get(id)
    if name.endswith(".m3u8"):
        text = await manager.uploads.playlist(id, name)
        return Response(text, headers={"Cache-Control": "no-store"}, media_type=PLAYLIST_TYPE)
    place = await manager.uploads.place(id, name)
    if isinstance(place, str):
        return redirected(place)
    kind = media_type(recording.pipeline, name, manager)
    return VideoFile(place, await status_of(place, recording), media_type=kind, download=False)
