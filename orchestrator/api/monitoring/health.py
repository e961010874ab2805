"""/api/health: whether recordings can be started here, and if not, why."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path

from fastapi import APIRouter, Request

from orchestrator import __version__
from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.responses import failures
from orchestrator.api.schemas.machine import DirectoryHealth, FFmpegInfo, Health
from orchestrator.api.service import Manager
from orchestrator.errors import Unavailable

router = APIRouter(prefix="/api/health", tags=["monitoring"])


@router.get("", responses=failures(), summary="Get Health")
async def health(request: Request, manager: ManagerHere) -> Health:
    """Whether recordings can be started: `degraded` names what has to be put right.

    The status is 200 either way: the server answers, and recordings that run go on.
    """
    directory = await manager.output_directory()
    place = await asyncio.to_thread(_directory, directory)
    ffmpeg, problems = await _ffmpeg(manager)
    problems += _directory_problems(place, manager.settings.disk_reserve_bytes)
    problems += [f"Pipeline {f.name}: {f.path}: {f.message}" for f in manager.presets.failures]
    return Health(
        status="degraded" if problems else "ok",
        problems=problems,
        version=__version__,
        uptime_seconds=round(time.monotonic() - request.app.state.began_s, 3),
        active_recordings=len(await manager.active()),
        discovery=list(manager.directory.names),
        ffmpeg=ffmpeg,
        output_directory=place,
    )


async def _ffmpeg(manager: Manager) -> tuple[FFmpegInfo | None, list[str]]:
    try:
        found = await manager.ffmpeg()
    except Unavailable as error:
        return None, [str(error)]
    info = FFmpegInfo(path=str(found.path), version=found.version, origin=found.origin)
    return info, []


def _directory(path: Path) -> DirectoryHealth:
    exists = path.is_dir()
    return DirectoryHealth(
        path=str(path),
        exists=exists,
        writable=exists and os.access(path, os.W_OK | os.X_OK),
        free_bytes=shutil.disk_usage(path).free if exists else None,
    )


def _directory_problems(place: DirectoryHealth, reserve_bytes: int) -> list[str]:
    if place.exists and not place.writable:
        return [f"The output directory {place.path} can't be written to."]
    if place.free_bytes is not None and place.free_bytes < reserve_bytes:
        free_mb, reserve_mb = place.free_bytes // 2**20, reserve_bytes // 2**20
        return [f"Only {free_mb} MiB are free at {place.path}; {reserve_mb} MiB are kept free."]
    return []
