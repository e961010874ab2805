"""The control plane: what the API and the command line ask for, written into the catalog as wanted.

The manager never touches media. It starts workers, waits for what they write, and sees to it that
a recording whose worker died is taken over by a new one.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from orchestrator.catalog import paths
from orchestrator.catalog.library import Library
from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.discovery.directory import Directory
from orchestrator.encoding.capabilities import FFmpeg, find_ffmpeg, require
from orchestrator.encoding.pipeline import Preset
from orchestrator.encoding.presets import Presets
from orchestrator.errors import (
    AlreadyActive,
    EncodingFailed,
    HavenError,
    NoMedia,
    NothingToStop,
    StillActive,
    WorkerFailed,
)
from orchestrator.media import Stream
from orchestrator.recordings.admission import Capacity, admitting, capacity
from orchestrator.recordings.calibration import BackgroundCalibration
from orchestrator.recordings.checksums import make_up
from orchestrator.recordings.creation import Meant, add, meant, new_recording
from orchestrator.recordings.depin import Depin
from orchestrator.recordings.folders import Folders
from orchestrator.recordings.keeper import Keeper
from orchestrator.recordings.launcher import Launcher, LocalLauncher
from orchestrator.recordings.lock import ServerLock, is_served
from orchestrator.recordings.request import StartRequest
from orchestrator.recordings.resume import Resumption
from orchestrator.recordings.retention import Retention, Rule
from orchestrator.recordings.states import ACTIVE, RecordingState
from orchestrator.recordings.sweep import sweep
from orchestrator.recordings.turns import Turns
from orchestrator.recordings.waiting import failure, finish, has_begun, is_final, until
from orchestrator.recordings.watches import Watches
from orchestrator.recordings.workers import Workers
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)

STOP_TIMEOUT_S: Final = 110.0
"""The desktop app gives up after 120 s."""


class Manager:
    """Everything that can be asked of the recorder."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        directory: Directory,
        launcher: Launcher,
        lock: ServerLock | None = None,
    ) -> None:
        self.settings, self.catalog, self.directory = settings, catalog, directory
        self.presets = Presets({})
        self._folders = Folders(settings, catalog)
        self._lock = lock
        """Held already, if this is a server's; given up as soon as another may serve."""
        self._workers = Workers(settings, catalog, directory, launcher)
        self._keeper = Keeper(catalog, self._workers, self._recovered)
        self._resumption = Resumption(catalog, self.start)
        self._retention = Retention(Rule.of(settings), catalog)
        self._turns = Turns()
        self._summing: asyncio.Task[None] | None = None
        self._calibration = BackgroundCalibration(catalog, self.ffmpeg)
        self.library = Library(catalog)
        self.depin = Depin(directory, catalog.active, self.start, self._end)
        self.watches = Watches(catalog, directory, self.start, self._check, settings.watch_period_s)

    async def open(self) -> None:
        """Open the catalog, load the presets, find the recordings that run."""
        try:
            await self.catalog.open(migrate=True)
            self.presets = await asyncio.to_thread(Presets.load, self.settings.pipelines_directory)
            if self._lock is not None:
                await sweep(self.catalog)
                self._summing = asyncio.create_task(make_up(self.catalog))
                self._retention.open()
                if self.settings.calibrate_at_start:
                    self._calibration.open(self.presets.presets.values())
            await self._keeper.open(alone=await self._is_alone())
            if self._lock is not None:
                self.watches.open()
        except BaseException:
            await self._close_parts()
            raise

    async def close(self) -> None:
        """Finish the recordings (or leave them, by setting), and close what was opened.

        The next server may begin while they are being finished: it has its own from then on.
        """
        try:
            await self.watches.close()
            if self.settings.leave_recordings_running:
                return
            ending = await self._want_all_ended()
            await self._unlock()
            await finish(self.catalog, ending, self.settings.shutdown_timeout_s)
        finally:
            await self._unlock()
            await self._close_parts()

    async def _want_all_ended(self) -> list[Recording]:
        try:
            active = await self.catalog.active()
            for row in active:
                await self._keeper.want_stop(row)
        except HavenError as error:
            log.error("recordings can't be told to end", error=error.error)
            return []
        return active

    async def _unlock(self) -> None:
        if self._lock is not None:
            await asyncio.to_thread(self._lock.release)

    async def _is_alone(self) -> bool:
        """Whether no (other) server looks after the recordings."""
        served = self._lock is None and await asyncio.to_thread(is_served, self.catalog.path)
        return not served

    def _recovered(self, recording: Recording) -> None:
        if self._lock is not None and self.settings.resume_after_restart:
            self._resumption.add(recording)

    async def _close_parts(self) -> None:
        if self._summing is not None:
            self._summing.cancel()
            await asyncio.gather(self._summing, return_exceptions=True)
        await self._calibration.close()
        await self.watches.close()
        await self._retention.close()
        await self._resumption.close()
        await self._keeper.close()
        await self.directory.close()
        await self.catalog.close()

    # -- start and stop

    async def start(self, request: StartRequest) -> Recording:
        """Returns when frames are being recorded; raises a HavenError that says why not."""
        deadline = time.monotonic() + self.settings.start_timeout_s
        asked, folder = await self._check(request)
        if await self.catalog.active_of(request.mint_id):
            raise AlreadyActive(request.mint_id)
        stream = await self.directory.find(request.mint_id)
        async with self._turns.taken(request.mint_id, deadline):
            recording = await self._create(stream, asked, folder)
            # Carried through: a row that stands there without a worker would wait for the keeper.
            await asyncio.shield(asyncio.ensure_future(self._workers.launch(recording)))
            return await self._until_recording(recording, deadline)

    async def stop(self, mint_id: str) -> Recording:
        """Returns when the file is final. If the stream is waited for, this one time is enough."""
        if await self.catalog.active_of(mint_id):
            await self.watches.hold(mint_id)
        return await self._end(mint_id)

    async def _end(self, mint_id: str) -> Recording:
        active = await self.catalog.active_of(mint_id)
        if active is None:
            raise NothingToStop(mint_id)
        await self._keeper.want_stop(active)
        ended = await until(self.catalog, active.id, is_final, STOP_TIMEOUT_S)
        if ended is None:
            raise WorkerFailed(
                f"The file of {mint_id} is not final after {STOP_TIMEOUT_S:g} s.",
                "It is still being finished; GET /api/recording/status says when it is done.",
            )
        if ended.state == RecordingState.FAILED:
            raise failure(ended)
        return ended

    # -- what there is

    async def status(self, mint_id: str) -> Recording | None:
        """The active recording of a stream."""
        return await self.catalog.active_of(mint_id)

    async def active(self) -> list[Recording]:
        """Every active recording."""
        return await self.catalog.active()

    async def history(
        self, *, limit: int, offset: int, state: str | None = None, mint_id: str | None = None
    ) -> tuple[list[Recording], int]:
        """Newest first, and how many there are."""
        return await self.catalog.history(limit=limit, offset=offset, state=state, mint_id=mint_id)

    async def get(self, recording_id: str) -> Recording:
        """One recording, or RecordingNotFound."""
        return await self.catalog.get(recording_id)

    def worker_in_reserve(self) -> int | None:
        """The pid of the process that waits for the next recording."""
        return self._workers.ready()

    async def delete(self, recording_id: str) -> None:
        """Remove its files, whatever work is left, and the row; StillActive while it runs."""
        recording = await self.catalog.get(recording_id)
        if recording.state in ACTIVE:
            raise StillActive(
                f"Recording {recording_id} is still running.",
                "Stop it with POST /api/recording/stop, then delete it.",
            )
        files = await self.catalog.files(recording_id)
        await asyncio.to_thread(_remove_files, recording, [Path(file.path) for file in files])
        await self.catalog.delete(recording_id)

    async def ffmpeg(self, preset: Preset | None = None) -> FFmpeg:
        """The ffmpeg that records with the preset (or with every built-in one)."""
        presets = [preset] if preset else self.presets.presets.values()
        needed = frozenset[str]().union(*(p.encoders for p in presets))
        return await find_ffmpeg(self.settings.ffmpeg, needed)

    async def capacity(self, preset: Preset | None = None) -> Capacity:
        """What this machine can do, with the ffmpeg of the preset (or of every built-in one)."""
        ffmpeg = await self.ffmpeg(preset)
        return await capacity(self.settings, self.catalog, ffmpeg, self.presets.presets)

    # -- output directory

    async def output_directory(self) -> Path:
        """Where recordings go when a request names no folder."""
        return await self._folders.chosen()

    async def set_output_directory(self, directory: str) -> Path:
        """Choose it for good; makes the last folder when its parent exists."""
        return await self._folders.choose(directory)

    # -- starting

    async def _check(self, request: StartRequest) -> tuple[Meant, Path]:
        """What is asked for and where to; a HavenError if that can't be done here."""
        paths.check_stream_id(request.mint_id)
        asked = meant(self.presets, request, self.settings)
        folder = await self._folders.for_request(request.output_directory)
        require(await find_ffmpeg(self.settings.ffmpeg, asked.preset.encoders), asked.preset)
        return asked, folder

    async def _create(self, stream: Stream, asked: Meant, folder: Path) -> Recording:
        """Reserve a file name, the stream and room; whoever comes second gets AlreadyActive."""
        now, preset = datetime.now(UTC), asked.preset
        extension = self.settings.av1_extension if preset.format == "av1" else preset.extension
        place = await self._folders.place(folder, stream, now, extension)
        recording = new_recording(stream, asked, place, now)
        known, most = await self.capacity(preset), self.settings.max_recordings or None
        await add(self.catalog, recording, admitting(known, preset, asked.pinned, most))
        return recording

    async def _until_recording(self, recording: Recording, deadline: float) -> Recording:
        left = max(deadline - time.monotonic(), 0.0)
        row = await until(self.catalog, recording.id, has_begun, left)
        if row is None:
            await self._keeper.want_stop(recording)
            raise await self._why_not_begun(recording)
        if row.state == RecordingState.FAILED:
            raise failure(row)
        return row

    async def _why_not_begun(self, recording: Recording) -> HavenError:
        nothing = f"No frame of {recording.mint_id} was recorded in"
        nothing += f" {self.settings.start_timeout_s:g} s"
        failed = [s for s in await self.catalog.segments(recording.id) if s.stderr_tail]
        if failed:
            return EncodingFailed(
                f"{nothing}: ffmpeg ended with exit code {failed[-1].returncode}.",
                f"Its last lines: {failed[-1].stderr_tail}",
            )
        return NoMedia(f"{nothing}.", "Check the publisher and the network, then start it again.")


def create_manager(settings: Settings, lock: ServerLock | None = None) -> Manager:
    """The manager of this machine, a server's with a lock that is held; `open` it before use."""
    catalog, directory = Catalog(settings.database_url), Directory.from_settings(settings)
    launcher = LocalLauncher(reserve=lock is not None and settings.worker_in_reserve)
    return Manager(settings, catalog, directory, launcher, lock)


def _remove_files(recording: Recording, files: list[Path]) -> None:
    for path in {Path(recording.output_path), *files}:
        path.unlink(missing_ok=True)
    shutil.rmtree(recording.work_directory, ignore_errors=True)
