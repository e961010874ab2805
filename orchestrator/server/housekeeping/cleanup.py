"""Removes what a crash left behind when a server starts, and only what is certainly ours.

That is what the catalog names: the runtime folder of a recording that has ended, and the work
folder of one whose files are all there and whole, once no sidecar is in it. Any other work folder
holds what was recorded, and stays. A calibration's film is named after its process.
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

from orchestrator.capacity.calibration import FILM_PREFIX
from orchestrator.catalog.ended_recordings import EndedRecordings
from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError, RecordingNotFound
from orchestrator.file_access import FileAccess
from orchestrator.recordings.integrity import WHOLE
from orchestrator.recordings.job import runtime_directory
from orchestrator.recordings.sidecars.publishing import publish_sidecars
from orchestrator.recordings.states import FINAL, RecordingState

log = structlog.get_logger(__name__)

_PAUSE_S: Final = 0.05
"""Between two pages of recordings, so that the clean-up doesn't slow down what is recorded."""

_PREFIX: Final = runtime_directory("").name


async def clean_up(catalog: Catalog, access: FileAccess = "private") -> None:
    """Removes the leftovers of recordings that have ended; sidecars get beside their files."""
    await asyncio.to_thread(_remove_films)
    for path in await asyncio.to_thread(_folders, _PREFIX):
        try:
            recording = await catalog.get(path.name.removeprefix(_PREFIX))
        except RecordingNotFound:
            continue  # another catalog's
        if recording.state in FINAL:
            await _remove(path, recording)
    ended_recordings = EndedRecordings(catalog)
    while page := await ended_recordings.needing_cleanup():
        for recording in await asyncio.to_thread(_with_work_folder, page):
            await _clean_work_folder(catalog, recording, access)
        await ended_recordings.set_cleaned_up([recording.id for recording in page])
        await asyncio.sleep(_PAUSE_S)


class CleanUp:
    """Cleans up once, in the background: nobody waits for it, however much there is."""

    def __init__(self, catalog: Catalog, access: FileAccess = "private") -> None:
        self._catalog, self._access = catalog, access
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Leave the rest to the next server."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            await clean_up(self._catalog, self._access)
        except (HavenError, OSError) as error:
            log.warning("clean-up failed; the next start tries again", error=str(error))


async def ended_recordings(catalog: Catalog, state: RecordingState) -> AsyncIterator[Recording]:
    """Every recording that ended in this state, the newest first, a page at a time."""
    ended_recordings, last = EndedRecordings(catalog), None
    while page := await ended_recordings.ended(state.value, last):
        for recording in page:
            yield recording
        last = page[-1]


def _with_work_folder(recordings: list[Recording]) -> list[Recording]:
    return [row for row in recordings if is_work_folder(Path(row.work_directory))]


async def _clean_work_folder(catalog: Catalog, recording: Recording, access: FileAccess) -> None:
    if await EndedRecordings(catalog).is_replaced(recording):
        return
    published = await _sidecars_published(catalog, recording, access)
    if published and await _is_whole(catalog, recording):
        await _remove(Path(recording.work_directory), recording)


async def _sidecars_published(catalog: Catalog, recording: Recording, access: FileAccess) -> bool:
    """Whether none is in the work folder any more: a worker may have died before, or failed."""
    if not (files := await catalog.files(recording.id)):
        return True
    published = await publish_sidecars(catalog, recording, Path(files[0].path), access)
    for problem in published.problems:
        log.warning("sidecar not published", recording=recording.id, problem=problem)
    return not published.problems


def _folders(prefix: str) -> list[Path]:
    paths = Path(tempfile.gettempdir()).glob(f"{prefix}*")
    return [path for path in paths if _is_own_folder(path)]


def _remove_films() -> None:
    for path in _folders(FILM_PREFIX):
        pid = path.name.removeprefix(FILM_PREFIX).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            log.info("removed the film of a killed calibration", path=str(path))
            shutil.rmtree(path, ignore_errors=True)


async def _is_whole(catalog: Catalog, recording: Recording) -> bool:
    """Whether all its files were found whole, so that its segments are no longer needed."""
    files = await catalog.files(recording.id)
    return bool(files) and all(file.integrity == WHOLE for file in files)


def is_work_folder(path: Path) -> bool:
    """Whether it is a folder of ours with the name of a work folder (mediafiles.paths.reserve)."""
    named = path.name.startswith(".") and path.name.endswith(".haven")
    return named and _is_own_folder(path)


def _is_own_folder(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()


async def _remove(path: Path, recording: Recording) -> None:
    log.info("removed what a crash left behind", path=str(path), recording=recording.id)
    await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
