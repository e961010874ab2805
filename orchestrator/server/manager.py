"""The control plane behind the API and the command line.

The manager never touches media: it writes what is wanted into the catalog, has workers started,
and waits for what they write there.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from orchestrator.capacity.admission import Capacity
from orchestrator.catalog.models import Recording
from orchestrator.catalog.sidecars.table import SidecarFiles
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.video_library import VideoLibrary
from orchestrator.discovery.directory import Directory, ForWatches
from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.errors import HavenError, NothingToStop, WorkerFailed
from orchestrator.recordings.catalog_polling import poll_until, wait_until_final
from orchestrator.recordings.encryption.stream_keys import keys_of
from orchestrator.recordings.outcome import failure_of, is_final
from orchestrator.recordings.start_request import StartRequest
from orchestrator.recordings.states import RecordingState
from orchestrator.server.deletion import delete_recording
from orchestrator.server.depin import Depin
from orchestrator.server.encoders import Encoders
from orchestrator.server.encodes.queue import EncodeQueue
from orchestrator.server.hls.output_states import HlsOutputStates
from orchestrator.server.hls.recordings import HlsRecordings
from orchestrator.server.housekeeping.maintenance import Maintenance
from orchestrator.server.ingest.publishers import Publishers
from orchestrator.server.launcher import Launcher, LocalLauncher
from orchestrator.server.lock import ServerLock, is_served
from orchestrator.server.output_folders import OutputFolders
from orchestrator.server.outputs.recording_outputs import RecordingOutputs
from orchestrator.server.outputs.recording_uploads import RecordingUploads
from orchestrator.server.outputs.uploader import UploaderKeeper
from orchestrator.server.pauses.recording_pauses import RecordingPauses
from orchestrator.server.recording_start import RecordingStart
from orchestrator.server.recording_workers import RecordingWorkers
from orchestrator.server.request_check import RequestCheck
from orchestrator.server.resume import Resumption
from orchestrator.server.runtime_check import check_runtime_folder
from orchestrator.server.streams.details import StreamDetails, details_of
from orchestrator.server.streams.named_streams import NamedStreams
from orchestrator.server.watchdog import Watchdog
from orchestrator.server.watches.unmute_waiter import wait_for_unmute
from orchestrator.server.watches.watches import Watches
from orchestrator.server.webhooks.webhooks import LAST_S, WebhookQueue
from orchestrator.settings import Settings
from orchestrator.stop_policy import STOP

log = structlog.get_logger(__name__)


class Manager:
    """Everything that the API and the command line can ask for."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        directory: Directory,
        launcher: Launcher,
        lock: ServerLock | None = None,
    ) -> None:
        self.settings, self.catalog, self.directory = settings, catalog, directory
        self._encoders = Encoders(settings, catalog)
        self._folders = OutputFolders(settings, catalog)
        self._lock = lock
        """A server's, already held; released as soon as another server may start."""
        self.publishers = Publishers(settings, launcher, directory.named)
        self._workers = RecordingWorkers(settings, catalog, directory, launcher, self.publishers)
        self._watchdog = Watchdog(catalog, self._workers, self._recovered)
        self.webhooks = WebhookQueue(settings, catalog)
        requests = RequestCheck(settings, self._encoders, self._folders)
        self._starter = RecordingStart(
            settings,
            catalog,
            directory,
            requests,
            encoders=self._encoders,
            folders=self._folders,
            workers=self._workers,
            watchdog=self._watchdog,
            on_created=self.webhooks.follow,
            answers=lock is not None,
        )
        self._resumption = Resumption(catalog, self.start)
        self.encodes = EncodeQueue(settings, catalog, self._encoders)
        self.outputs = RecordingOutputs(settings, catalog, self._encoders, self._workers.wake)
        self.sidecars, self.uploads = SidecarFiles(catalog), RecordingUploads(catalog)
        self.uploader = UploaderKeeper(settings, catalog)
        pauses = RecordingPauses(catalog, self._workers.wake)
        self.pause, self.resume = pauses.pause, pauses.resume
        self.hls, self.library = HlsRecordings(catalog), VideoLibrary(catalog)
        self._hls_outputs = HlsOutputStates(catalog, self.hls)
        self._maintenance = Maintenance(settings, catalog, self._encoders)
        self.streams = NamedStreams(settings, catalog, directory.named)
        self.depin = Depin(directory, catalog.active, self.start, self._end)
        self.watches = Watches(
            catalog,
            ForWatches(directory),
            self.start,
            requests.check,
            settings.watch_period_s,
            unmute=self.until_unmuted,
        )
        self.publishers.on_connected = self.watches.look
        directory.named.call_when_seen(self.watches.look)

    @property
    def pipelines(self) -> Pipelines:
        """Those that loaded, and why others didn't."""
        return self._encoders.pipelines

    async def open(self) -> None:
        """Open the catalog, load the pipelines, find the recordings that run."""
        try:
            await asyncio.to_thread(check_runtime_folder)
            await self.catalog.open(migrate=True)
            await self._encoders.load()
            await self.streams.open(follow=self._lock is not None)
            if self._lock is not None:
                self._maintenance.open()
            alone = await self._is_alone()
            await self._watchdog.open(alone=alone)
            if alone:
                self.webhooks.open(all_recordings=self._lock is not None)
            if self._lock is not None:
                await self.publishers.open()
                self.watches.open()
                self.encodes.open()
                self.uploader.open()
                self._hls_outputs.open()
        except BaseException:
            await self._close_parts()
            raise

    async def close(self) -> None:
        """Finish the recordings (or leave them, by setting), and close what was opened.

        The next server may begin while they are being finished: it has its own from then on.
        """
        try:
            await self.watches.close()
            await self.encodes.stop()
            if self.settings.leave_recordings_running:
                return
            ending = await self._want_all_ended()
            if self._lock is not None:  # before there is a next server, which has its own
                await self.publishers.close(leave=False)
            await self._unlock()
            await wait_until_final(self.catalog, ending, self.settings.shutdown_timeout_s)
            await self.webhooks.settle(LAST_S, [row.id for row in ending])
        finally:
            await self._unlock()
            await self._close_parts()

    async def _want_all_ended(self) -> list[Recording]:
        try:
            active = await self.catalog.active()
            for row in active:
                await self._watchdog.want_stop(row)
        except HavenError as error:
            log.error("can't stop the recordings", error=error.error)
            return []
        return active

    async def _unlock(self) -> None:
        if self._lock is not None:
            await asyncio.to_thread(self._lock.release)

    async def _is_alone(self) -> bool:
        """Whether no other server looks after the recordings."""
        return self._lock is not None or not await asyncio.to_thread(is_served, self.catalog.path)

    def _recovered(self, recording: Recording) -> None:
        if self._lock is not None and self.settings.resume_after_restart:
            self._resumption.add(recording)

    async def _close_parts(self) -> None:
        await self.webhooks.close()
        await self._maintenance.close()
        await self.uploader.close()
        await self._hls_outputs.close()
        await self.encodes.close()
        await self.watches.close()
        await self.streams.close()
        await self._resumption.close()
        await self.publishers.close(leave=True)
        await self._watchdog.close()
        await self.directory.close()
        await self.catalog.close()

    # -- start and stop

    async def start(self, request: StartRequest) -> Recording:
        """Returns when frames are being recorded; raises a HavenError that says why not."""
        return await self._starter.start(request)

    async def stop(self, stream_id: str, *, timeout_s: float | None = STOP.answer_s) -> Recording:
        """Returns when the file is final; there is none if it is stopped before its first frame.

        WorkerFailed after `timeout_s`; None waits as long as it takes. If the stream is waited for,
        this one time is enough.
        """
        if await self.catalog.active_of(stream_id):
            await self.watches.hold(stream_id)
        return await self._end(stream_id, timeout_s)

    async def _end(self, stream_id: str, timeout_s: float | None = STOP.answer_s) -> Recording:
        active = await self.catalog.active_of(stream_id)
        if active is None:
            raise NothingToStop(stream_id)
        await self._watchdog.want_stop(active)
        ended = await poll_until(self.catalog, active.id, is_final, timeout_s)
        if ended is None:
            raise WorkerFailed(
                f"The file of {stream_id} is not final after {timeout_s:g} s.",
                "It is still being finished; GET /api/recording/status says when it is done.",
            )
        if ended.state == RecordingState.FAILED:
            raise failure_of(ended)
        return ended

    async def until_unmuted(self, stream_id: str, e2ee: E2eeKeys | None = None) -> None:
        """Returns when somebody in the stream is not muted; StreamNotFound when it is over.

        `e2ee`: the keys that were requested for it.
        """
        keys = keys_of(e2ee, self.settings, self.streams.definition(stream_id))
        await wait_for_unmute(self.directory, stream_id, self.settings.connect_timeout_s, keys)

    # -- what there is

    async def status(self, stream_id: str) -> Recording | None:
        """The active recording of a stream."""
        return await self.catalog.active_of(stream_id)

    async def active(self) -> list[Recording]:
        """Every active recording."""
        return await self.catalog.active()

    async def history(
        self, *, limit: int, offset: int, state: str | None = None, stream_id: str | None = None
    ) -> tuple[list[Recording], int]:
        """Newest first, and how many there are."""
        return await self.catalog.history(
            limit=limit, offset=offset, state=state, stream_id=stream_id
        )

    async def get(self, recording_id: str) -> Recording:
        """One recording, or RecordingNotFound."""
        return await self.catalog.get(recording_id)

    def worker_in_reserve(self) -> int | None:
        """The pid of the zygote, which workers are forked from."""
        return self._workers.ready()

    async def delete(self, recording_id: str) -> None:
        """Remove its files, whatever work is left, and the row; StillActive while it runs."""
        await delete_recording(self.catalog, recording_id, self.webhooks.announce_end)
        self.hls.forget(recording_id)

    async def ffmpeg(self, pipeline: Pipeline | None = None) -> FFmpeg:
        """The ffmpeg that records with the pipeline (or with every built-in one)."""
        return await self._encoders.ffmpeg(pipeline)

    async def capacity(self, pipeline: Pipeline | None = None) -> Capacity:
        """What this machine can do, with the ffmpeg of the pipeline (or of every built-in one)."""
        return await self._encoders.capacity(pipeline)

    async def details(self, stream_id: str) -> StreamDetails:
        """What is in a stream, before it is recorded."""
        keys = keys_of(None, self.settings, self.streams.definition(stream_id))
        return await details_of(self.directory, stream_id, keys)

    # -- output directory
    async def output_directory(self) -> Path:
        """Where recordings go when a request names no folder."""
        return await self._folders.chosen()

    async def set_output_directory(self, directory: str) -> Path:
        """Choose it for good; makes the last folder when its parent exists."""
        return await self._folders.choose(directory)


def create_manager(settings: Settings, lock: ServerLock | None = None) -> Manager:
    """The manager of this machine, a server's with a lock that is held; `open` it before use."""
    catalog = Catalog(settings.database_url, settings.file_access)
    directory = Directory.from_settings(settings)
    launcher = LocalLauncher(reserve=lock is not None and settings.worker_in_reserve)
    return Manager(settings, catalog, directory, launcher, lock)
