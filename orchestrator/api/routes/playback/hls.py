"""/api/recordings/{id}/hls: playlists and pieces of a recording, also while it runs."""

from __future__ import annotations

import re
import zlib
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response

from orchestrator.api.documented_errors import Responses, failures
from orchestrator.api.errors import RangeNotSatisfiable
from orchestrator.api.file_responses import not_modified, redirected, understood_range
from orchestrator.api.hang_ups import unless_hung_up
from orchestrator.api.manager_protocol import Manager
from orchestrator.api.routes.recordings import RecordingId
from orchestrator.api.schemas.common import RECORDING_ID
from orchestrator.errors import (
    HlsImpossible,
    HlsNotReady,
    NotFound,
    RecordingNotFound,
    UploadedFileNotFound,
)
from orchestrator.recordings.hls.view import View

router = APIRouter(prefix="/api/recordings/{id}/hls", tags=["hls"])

PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"
_KEEP: Final = "private, max-age=31536000, immutable"
"""Of what never changes; behind the API key it is nobody else's."""
_LEAST_COMPRESSED: Final = 1000
_PLAYLIST: Final = re.compile(r"(?:master|video)\.m3u8")
_MEDIA: Final = re.compile(
    r"(?P<run>\d{1,9}(?:-\d{1,9})?)/(?:(?P<init>init(?P<header>[1-9]\d{0,2})?\.mp4)"
    r"|(?P<piece>\d{1,9})(?:\.(?P<part>\d{1,5}))?\.m4s)",
    re.ASCII,
)

_RESPONSES: Responses = {
    **failures(
        RecordingNotFound(RECORDING_ID),
        NotFound(f"Recording {RECORDING_ID} has no such piece"),
        HlsImpossible(RECORDING_ID, "HLS has no place for VP8"),
        HlsNotReady(RECORDING_ID),
        RangeNotSatisfiable("bytes=9000-", 8000),
    ),
    200: {"description": "The playlist or piece.", "content": {PLAYLIST_TYPE: {}, "video/mp4": {}}},
    206: {"description": "The requested range.", "content": {"video/mp4": {}}},
    304: {"description": "The client already has it."},
    307: {"description": "The piece's address where it was uploaded, if it isn't here any more."},
}

HlsName = Annotated[
    str,
    InPath(
        description="master.m3u8, or what that and the playlists in it name.",
        examples=["master.m3u8"],
    ),
]
_Piece = Annotated[
    int | None, Query(ge=0, le=2**31, alias="_HLS_msn", description="Wait for this piece.")
]
_Part = Annotated[int | None, Query(ge=0, le=2**31, alias="_HLS_part", description="And its part.")]
"""Directives of low latency (rfc8216bis §6.2.5.2)."""


@router.head("/{name:path}", include_in_schema=False)
@router.get("/{name:path}", responses=_RESPONSES, response_class=Response, summary="Get HLS")
async def hls(
    id: RecordingId,
    name: HlsName,
    request: Request,
    msn: _Piece = None,
    part: _Part = None,
) -> Response:
    """What plays a recording: from its beginning, up to two seconds ago while it runs.

    Begin with `master.m3u8`. docs/hls.md has players and examples.
    """
    manager: Manager = request.app.state.manager
    if _PLAYLIST.fullmatch(name):
        return await _playlist(name, request, await manager.hls.view(id, msn, part))
    found = _MEDIA.fullmatch(name)
    if found is None:
        raise NotFound(f"HLS has no {name[:64]!r}", "Begin with master.m3u8.")
    try:
        data = await _read(id, found, request, manager)
    except NotFound as gone:
        return await _uploaded(id, name, manager, gone)
    return Response(status_code=499) if data is None else _media(request, data)


async def _read(id: str, found: re.Match[str], request: Request, manager: Manager) -> bytes | None:
    """What is asked for; None if nobody waits for it any more."""
    run = found["run"]
    if found["init"]:
        return await manager.hls.init(id, run, int(found["header"] or 0))
    piece = int(found["piece"])
    if found["part"]:
        return await manager.hls.part(id, run, piece, int(found["part"]))
    # Who seeks asks for many pieces, and hangs up on all but the last one.
    return await unless_hung_up(request, manager.hls.piece(id, run, piece))


async def _uploaded(id: str, name: str, manager: Manager, gone: NotFound) -> Response:
    """The same header or piece at an upload's target, where the file was deleted here."""
    try:
        place = await manager.uploads.place(id, f"hls/{name}")
    except UploadedFileNotFound:
        raise gone from None
    if isinstance(place, str):
        return redirected(place)
    return FileResponse(place, headers={"Cache-Control": _KEEP}, media_type="video/mp4")


async def _playlist(name: str, request: Request, view: View) -> Response:
    text = view.master if name.startswith("master") else view.media
    headers = {
        "ETag": text.etag,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if not_modified(request.headers, text.etag, ""):
        return Response(b"", 304, headers)
    body = text.plain
    if len(body) >= _LEAST_COMPRESSED and _takes_gzip(request.headers.get("accept-encoding", "")):
        body = await text.compressed()
        headers["Content-Encoding"] = "gzip"
    return Response(body, 200, headers, media_type=PLAYLIST_TYPE)


def _takes_gzip(accepted: str) -> bool:
    """RFC 9110 §12.5.3; one that is given a weight of 0 isn't accepted."""
    for coding in accepted.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() in ("gzip", "x-gzip", "*"):
            return re.fullmatch(r"\s*q\s*=\s*0(?:\.0*)?\s*", weight) is None
    return False


def _media(request: Request, data: bytes) -> Response:
    etag = f'"{len(data):x}-{zlib.crc32(data[:4096]):x}"'
    headers = {
        "ETag": etag,
        "Cache-Control": _KEEP,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
    }
    if not_modified(request.headers, etag, ""):
        return Response(b"", 304, headers)
    wanted = None
    if request.method == "GET" and request.headers.get("if-range", etag) == etag:
        wanted = understood_range(request.headers.get("range"), len(data))
    if wanted is None or "," in wanted:
        return Response(data, 200, headers, media_type="video/mp4")
    begin, end = _bounds(wanted.partition("=")[2], len(data))
    headers["Content-Range"] = f"bytes {begin}-{end}/{len(data)}"
    return Response(data[begin : end + 1], 206, headers, media_type="video/mp4")


def _bounds(span: str, size: int) -> tuple[int, int]:
    """The first and last byte of one range that can be satisfied."""
    first, _, last = span.partition("-")
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1
