"""What a crash leaves behind: removed when a server starts, and only what is surely ours.

Surely ours is what the catalog names: the runtime folder of a recording that has ended, the work
folder of one whose files are all there and whole. Any other work folder holds what was recorded,
and stays. A calibration's film is named by its process.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import psutil
import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.errors import RecordingNotFound
from orchestrator.recordings.calibration import FILM_PREFIX
from orchestrator.recordings.integrity import WHOLE
from orchestrator.recordings.states import FINAL, RecordingState
from orchestrator.recordings.worker import runtime_directory

log = structlog.get_logger(__name__)

_PAGE: Final = 200
_PREFIX: Final = runtime_directory("").name


async def sweep(catalog: Catalog) -> None:
    """Removes the leftovers of recordings that have ended."""
    await asyncio.to_thread(_remove_films)
    for path in await asyncio.to_thread(_folders, _PREFIX):
        try:
            recording = await catalog.get(path.name.removeprefix(_PREFIX))
        except RecordingNotFound:
            continue  # another catalog's
        if recording.state in FINAL:
            await _remove(path, recording)
    async for recording in ended(catalog, RecordingState.COMPLETED):
        work = Path(recording.work_directory)
        if await asyncio.to_thread(is_work_folder, work) and await _is_whole(catalog, recording):
            await _remove(work, recording)


async def ended(catalog: Catalog, state: RecordingState) -> AsyncIterator[Recording]:
    """Every recording that ended so, the newest first, a page at a time."""
    offset, total = 0, 1
    while offset < total:
        page, total = await catalog.history(limit=_PAGE, offset=offset, state=state.value)
        for recording in page:
            yield recording
        offset += _PAGE


def _folders(prefix: str) -> list[Path]:
    found = Path(tempfile.gettempdir()).glob(f"{prefix}*")
    return [path for path in found if _is_own_folder(path)]


def _remove_films() -> None:
    for path in _folders(FILM_PREFIX):
        pid = path.name.removeprefix(FILM_PREFIX).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            log.info("left by a calibration that was killed; removed", path=str(path))
            shutil.rmtree(path, ignore_errors=True)


async def _is_whole(catalog: Catalog, recording: Recording) -> bool:
    """Whether all its files were found whole, so that its segments are not needed any more."""
    files = await catalog.files(recording.id)
    return bool(files) and all(file.integrity == WHOLE for file in files)


def is_work_folder(path: Path) -> bool:
    """The name we give (catalog.paths.reserve), and a real folder of ours."""
    made = path.name.startswith(".") and path.name.endswith(".haven")
    return made and _is_own_folder(path)


def _is_own_folder(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()


async def _remove(path: Path, recording: Recording) -> None:
    log.info("left by a crash; removed", path=str(path), recording=recording.id)
    await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
