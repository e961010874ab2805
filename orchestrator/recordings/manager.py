"""The control plane: what the API and the command line ask for, written into the catalog as wanted.

The manager never touches media. It starts workers, waits for what they write, and sees to it that
a recording whose worker died is taken over by a new one.
"""

from __future__ import annotations

import asyncio
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from orchestrator.catalog import paths
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
    InvalidRequest,
    NoMedia,
    NothingToStop,
    StillActive,
    WorkerFailed,
    restore,
)
from orchestrator.media import Stream
from orchestrator.recordings.folders import Folders
from orchestrator.recordings.keeper import Keeper
from orchestrator.recordings.launcher import Launcher, LocalLauncher
from orchestrator.recordings.request import StartRequest, format_named, quality_named
from orchestrator.recordings.states import ACTIVE, FINAL, RecordingState
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)

POLL_S: Final = 0.04
"""How often a waiting /start or /stop looks into the catalog."""

STOP_TIMEOUT_S: Final = 110.0
"""The desktop app gives up after 120 s."""


class Manager:
    """Everything that can be asked of the recorder."""

    def __init__(
        self, settings: Settings, catalog: Catalog, directory: Directory, launcher: Launcher
    ) -> None:
        self.settings, self.catalog, self.directory = settings, catalog, directory
        self.presets = Presets({})
        self._folders = Folders(settings, catalog)
        self._keeper = Keeper(settings, catalog, directory, launcher)

    async def open(self) -> None:
        """Open the catalog, load the presets, find the recordings that run."""
        try:
            await self.catalog.open(migrate=True)
            self.presets = await asyncio.to_thread(Presets.load, self.settings.pipelines_directory)
            await self._keeper.open()
        except BaseException:
            await self._close_parts()
            raise

    async def close(self) -> None:
        """Finish the recordings (or leave them, by setting), and close what was opened."""
        try:
            if not self.settings.leave_recordings_running:
                await self._finish_all()
        finally:
            await self._close_parts()

    async def _close_parts(self) -> None:
        await self._keeper.close()
        await self.directory.close()
        await self.catalog.close()

    # -- start and stop

    async def start(self, request: StartRequest) -> Recording:
        """Returns when frames are being recorded; raises a HavenError that says why not."""
        paths.check_stream_id(request.mint_id)
        preset, video, audio = self._meant(request)
        folder = await self._folders.for_request(request.output_directory)
        require(await find_ffmpeg(self.settings.ffmpeg, preset.encoders), preset)
        if await self.catalog.active_of(request.mint_id):
            raise AlreadyActive(request.mint_id)
        deadline = time.monotonic() + self.settings.start_timeout_s
        stream = await self.directory.find(request.mint_id)
        recording = await self._create(stream, preset, video, audio, folder)
        await self._keeper.launch(recording)
        return await self._until_recording(recording, deadline)

    async def stop(self, mint_id: str) -> Recording:
        """Returns when the file is final."""
        active = await self.catalog.active_of(mint_id)
        if active is None:
            raise NothingToStop(mint_id)
        await self._keeper.want_stop(active)
        ended = await self._until(active.id, _is_final, STOP_TIMEOUT_S)
        if ended is None:
            raise WorkerFailed(
                f"The file of {mint_id} is not final after {STOP_TIMEOUT_S:g} s.",
                "It is still being finished; GET /api/recording/status says when it is done.",
            )
        if ended.state == RecordingState.FAILED:
            raise _failure(ended)
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

    async def delete(self, recording_id: str) -> None:
        """Remove the file, whatever work is left, and the row; StillActive while it runs."""
        recording = await self.catalog.get(recording_id)
        if recording.state in ACTIVE:
            raise StillActive(
                f"Recording {recording_id} is still running.",
                "Stop it with POST /api/recording/stop, then delete it.",
            )
        await asyncio.to_thread(_remove_files, recording)
        await self.catalog.delete(recording_id)

    async def ffmpeg(self, preset: Preset | None = None) -> FFmpeg:
        """The ffmpeg that records with the preset (or with every built-in one)."""
        presets = [preset] if preset else self.presets.presets.values()
        needed = frozenset[str]().union(*(p.encoders for p in presets))
        return await find_ffmpeg(self.settings.ffmpeg, needed)

    # -- output directory

    async def output_directory(self) -> Path:
        """Where recordings go when a request names no folder."""
        return await self._folders.chosen()

    async def set_output_directory(self, directory: str) -> Path:
        """Choose it for good; makes the last folder when its parent exists."""
        return await self._folders.choose(directory)

    # -- starting

    def _meant(self, request: StartRequest) -> tuple[Preset, str, str]:
        """The preset and the two qualities; InvalidRequest or PipelineBroken otherwise."""
        video = quality_named(request.video_quality, "video_quality")
        audio = quality_named(request.audio_quality, "audio_quality")
        if request.pipeline is None:
            return self.presets.get(format_named(request.output_format)), video, audio
        preset = self.presets.get(request.pipeline)
        if request.output_format and format_named(request.output_format) != preset.format:
            raise InvalidRequest(
                f"Pipeline {preset.name} makes {preset.format}, not {request.output_format}.",
                "Leave output_format out, or choose another pipeline.",
            )
        return preset, video, audio

    async def _create(
        self, stream: Stream, preset: Preset, video: str, audio: str, folder: Path
    ) -> Recording:
        """Reserve a file name and the stream; whoever comes second gets AlreadyActive."""
        now = datetime.now(UTC)
        extension = self.settings.av1_extension if preset.format == "av1" else preset.extension
        place = await self._folders.place(folder, stream, now, extension)
        recording = Recording(
            id=uuid.uuid4().hex,
            mint_id=stream.id,
            stream=asdict(stream),
            output_format=preset.format,
            pipeline=preset.name,
            video_quality=video,
            audio_quality=audio,
            video_codec=preset.video_codec,
            audio_codec=preset.audio_codec,
            output_path=str(place.output),
            work_directory=str(place.work),
            created_at=now,
        )
        try:
            await self.catalog.create(recording)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, place.work, ignore_errors=True)
            raise
        return recording

    async def _until_recording(self, recording: Recording, deadline: float) -> Recording:
        left = max(deadline - time.monotonic(), 0.0)
        row = await self._until(recording.id, _has_begun, left)
        if row is None:
            await self._keeper.want_stop(recording)
            raise await self._why_not_begun(recording)
        if row.state == RecordingState.FAILED:
            raise _failure(row)
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

    async def _until(
        self, recording_id: str, reached: Callable[[Recording], bool], timeout_s: float
    ) -> Recording | None:
        """The row once it is so; None when it is not in time."""
        try:
            async with asyncio.timeout(timeout_s):
                # The worker is another process; the catalog is where it says how far it is.
                while True:
                    if reached(row := await self.catalog.get(recording_id)):
                        return row
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            return None

    async def _finish_all(self) -> None:
        active = await self.catalog.active()
        stops = [self.stop(row.mint_id) for row in active]
        try:
            async with asyncio.timeout(self.settings.shutdown_timeout_s):
                outcomes = await asyncio.gather(*stops, return_exceptions=True)
        except TimeoutError:
            log.error("not all recordings were finished in time", count=len(stops))
            return
        for row, outcome in zip(active, outcomes, strict=True):
            if isinstance(outcome, HavenError):
                log.warning("recording ended", recording=row.id, error=outcome.error)
            elif isinstance(outcome, BaseException):
                log.error("stopping failed", recording=row.id, error=repr(outcome))


def create_manager(settings: Settings) -> Manager:
    """The manager of this machine; `open` it before use."""
    catalog, directory = Catalog(settings.database_url), Directory.from_settings(settings)
    return Manager(settings, catalog, directory, LocalLauncher())


def _failure(row: Recording) -> HavenError:
    return restore(row.error_code or "", row.error or "", row.detail or "")


def _is_final(row: Recording) -> bool:
    return row.state in FINAL


def _has_begun(row: Recording) -> bool:
    return row.state not in (RecordingState.STARTING, RecordingState.STOPPING)


def _remove_files(recording: Recording) -> None:
    Path(recording.output_path).unlink(missing_ok=True)
    shutil.rmtree(recording.work_directory, ignore_errors=True)
