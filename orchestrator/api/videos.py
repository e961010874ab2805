"""/api/videos: the desktop app's library, which shows the final files of recordings.

A file is there as soon as it is final: a part of a split recording while the rest goes on.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi import Path as InPath

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.recordings import media_type
from orchestrator.api.responses import failures, failures_of_post
from orchestrator.api.schemas.common import OUTPUT_PATH
from orchestrator.api.schemas.videos import (
    AddVideoBody,
    Filecoin,
    Timestamp,
    TokenInfo,
    VideoGroup,
    VideoInfo,
    VideoMessage,
)
from orchestrator.api.service import Manager
from orchestrator.catalog.library import Video
from orchestrator.errors import VideoNotFound

router = APIRouter(prefix="/api/videos", tags=["videos"])

_UNKNOWN: Final = VideoNotFound(OUTPUT_PATH)

VideoPath = Annotated[
    str, InPath(min_length=1, max_length=4096, description="Of the file, its slashes as %2F.")
]
Skip = Annotated[int, Query(ge=0, le=2**31, description="Videos to skip.")]
Limit = Annotated[int, Query(ge=1, le=10_000, description="Videos at most.")]


@router.get("/", responses=failures(), summary="List Videos")
async def videos(manager: ManagerHere, skip: Skip = 0, limit: Limit = 1000) -> list[VideoInfo]:
    """Final files, those that were moved to the front first, then the newest: a bare list."""
    found = await manager.library.videos(limit=limit, skip=skip)
    return [_info(video, manager) for video in found]


@router.get("/grouped", responses=failures(), summary="List Videos By Stream")
async def grouped(manager: ManagerHere, skip: Skip = 0, limit: Limit = 1000) -> list[VideoGroup]:
    """The same in groups, one for each stream: a bare list."""
    found = await manager.library.videos(limit=limit, skip=skip)
    by_stream = groupby(sorted(found, key=_mint_of), key=_mint_of)  # sorted() keeps their order
    return [_group(list(group), manager) for _, group in by_stream]


@router.post("/", responses=failures_of_post(_UNKNOWN), summary="Show Video Again")
async def add(body: AddVideoBody, manager: ManagerHere) -> VideoInfo:
    """Shows a file that was taken out of the library. Only files of recordings can be in it."""
    await manager.library.show(body.path, listed=True)
    return _info(await manager.library.get(body.path), manager)


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
async def remember_upload(path: VideoPath, body: Filecoin, manager: ManagerHere) -> VideoInfo:
    """Remembers where the app has uploaded a file to, so that it doesn't upload it again."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    await manager.library.remember(path, body.model_dump() | {"uploaded_at": now})
    return _info(await manager.library.get(path), manager)


def _mint_of(video: Video) -> str:
    return video.recording.mint_id


def _group(videos: list[Video], manager: Manager) -> VideoGroup:
    newest = max(videos, key=lambda video: video.file.made_at)
    stream = newest.recording.stream
    known = {name: stream.get(name) for name in ("name", "symbol", "image_uri", "thumbnail")}
    return VideoGroup(
        token_info=TokenInfo(mint_id=newest.recording.mint_id, **known),
        videos=[_info(video, manager) for video in videos],
        recording_count=len(videos),
        latest_recording_date=newest.file.made_at,
    )


def _info(video: Video, manager: Manager) -> VideoInfo:
    file, recording = video.file, video.recording
    picture = (file.probe or {}).get("video") or {}
    return VideoInfo(
        id=_number_of(file.path),
        path=file.path,
        title=_title(video),
        duration=round(file.duration_s or 0),
        thumbnail_path=None,
        position=file.position,
        created_at=file.made_at,
        file_size=file.size_bytes,
        file_extension=Path(file.path).suffix.removeprefix("."),
        mime_type=media_type(recording, manager),
        codec=picture.get("codec"),
        creator_handle=recording.stream.get("creator"),
        mint_id=recording.mint_id,
        **_uploaded(file.remembered),
    )


def _title(video: Video) -> str:
    """Stream, this machine's time, part: enough to tell them apart in the app's list."""
    stream, began = video.recording.stream, video.recording.created_at.astimezone()
    name = stream.get("name") or stream.get("symbol") or video.recording.mint_id
    part = f", part {video.file.number}" if video.file.number > 1 else ""
    return f"{name}, {began:%Y-%m-%d %H:%M}{part}"


def _uploaded(told: dict[str, Any]) -> dict[str, Any]:
    if not told:
        return {}
    same = ("root_cid", "piece_cid", "piece_id", "data_set_id", "uploaded_at")
    return {
        **{f"filecoin_{name}": told[name] for name in same},
        "cid_hash": hashlib.sha256(told["root_cid"].encode()).hexdigest(),
        "is_encrypted": told["is_encrypted"],
        "lit_encryption_metadata": told["lit_encryption_metadata"],
    }


def _number_of(path: str) -> int:
    """48 bits of its hash: JavaScript's numbers hold them (RFC 8259 §6)."""
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=6).digest())
