"""Starts the worker of a recording and writes its pid into the catalog (`launcher` spawns it)."""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import structlog
from structlog.contextvars import bound_contextvars

from orchestrator.catalog.encode_model import Encode
from orchestrator.catalog.models import Recording
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.catalog.store import Catalog
from orchestrator.discovery.directory import Directory
from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import HavenError, WorkerFailed
from orchestrator.media import Endpoint, Stream, WhipEndpoint
from orchestrator.recordings import orphans
from orchestrator.recordings.encryption.stream_keys import unsealed
from orchestrator.recordings.job import Job, identity_of, runtime_directory
from orchestrator.recordings.left_outputs import end_left
from orchestrator.recordings.outcome import is_only_to_finish
from orchestrator.recordings.pauses.ends import end_with_recording
from orchestrator.recordings.room_data.wanted import shows_recording
from orchestrator.recordings.states import RecordingState
from orchestrator.server.ingest.publishers import Publishers
from orchestrator.server.launcher import Launcher, WorkerHandle
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)


class RecordingWorkers:
    """The workers of recordings, by the recording's row."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        directory: Directory,
        launcher: Launcher,
        publishers: Publishers,
    ) -> None:
        self._settings, self._catalog, self._directory = settings, catalog, directory
        self._launcher, self._publishers = launcher, publishers

    def alive(self, recording: Recording) -> bool | None:
        """Whether its worker runs; None when its row names none."""
        worker = worker_of(recording)
        return None if worker is None else self._launcher.alive(worker)

    def wake(self, recording: Recording) -> None:
        """Make its worker read its row now."""
        if (worker := worker_of(recording)) is not None:
            self._launcher.wake(worker)

    def reap(self) -> bool:
        """Let go of the processes that have ended; whether there were any."""
        return self._launcher.reap()

    async def keep_ready(self) -> None:
        """Keep a zygote, so that the next recording starts at once."""
        try:
            await self._launcher.keep_ready()
        except OSError as error:
            log.warning("no zygote", error=str(error))

    def ready(self) -> int | None:
        """The pid of the zygote."""
        return self._launcher.ready()

    async def close(self) -> None:
        """Wait for workers that are about to end, or leave them running (a setting)."""
        await self._launcher.close(leave=self._settings.leave_recordings_running)

    async def launch(self, recording: Recording) -> None:
        """Start its next worker, unless another server does; fail the recording if none starts."""
        if not await self._catalog.claim(recording.id, recording.worker_starts):
            return
        with bound_contextvars(recording=recording.id):
            await self._launch_or_fail(recording)

    async def _launch_or_fail(self, recording: Recording) -> None:
        try:
            await self._launch(recording)
        except HavenError as error:
            await self._not_launched(recording, error)
        except OSError as error:
            failure = WorkerFailed(
                f"No worker could be started for {recording.stream_id}: {error}.",
                "Free some memory or processes.",
            )
            await self._not_launched(recording, failure)

    async def fail(self, recording: Recording, failure: HavenError) -> None:
        """Ends the recording as failed, without a worker; orphaned ffmpegs are killed."""
        log.error("recording failed", error=failure.error)
        await asyncio.to_thread(orphans.kill_all, Path(recording.work_directory))
        await asyncio.to_thread(shutil.rmtree, runtime_directory(recording.id), ignore_errors=True)
        now = datetime.now(UTC)
        await self._end_pause(recording, now)
        await self._catalog.update(
            recording.id,
            state=RecordingState.FAILED.value,
            ended_at=now,
            error_code=failure.code,
            error=failure.error,
            detail=failure.detail,
        )
        change = {"from": recording.state, "to": RecordingState.FAILED.value}
        await self._catalog.add_event(recording.id, "state", failure.error, **change)
        await end_left(self._catalog, recording.id)

    async def _end_pause(self, recording: Recording, now: datetime) -> None:
        """One that no worker is there to end."""
        table = Pauses(self._catalog)
        rows = await table.of_recording(recording.id)
        if rows and rows[-1].ended_at is None:
            segments = await self._catalog.segments(recording.id)
            end_with_recording(rows[-1], segments, now)
            await table.put(rows[-1])

    async def _launch(self, recording: Recording) -> None:
        asked_ns = time.monotonic_ns()
        endpoint = await self._endpoint(recording)
        log_path = Path(recording.work_directory) / "worker.log"
        job = Job(
            recording.id,
            recording.worker_starts + 1,
            self._settings_for(recording),
            endpoint,
            log_path,
            self._directory.demo_url(),
            await self._keys(recording),
            asked_ns,
        )
        if isinstance(endpoint, WhipEndpoint):
            worker = await self._publishers.launch(job)
        else:
            worker = await self._launcher.start(job.line(), log_path)
        columns = {"worker_created": worker.created, "worker_boot": worker.boot}
        try:
            await self._catalog.update(recording.id, worker_pid=worker.pid, **columns)
        except BaseException:  # nobody could find it again
            await self._launcher.kill(worker)
            raise

    async def _endpoint(self, recording: Recording) -> Endpoint | None:
        if is_only_to_finish(recording):
            return None  # a stream that is gone mustn't prevent the file from being made
        stream = Stream(**recording.stream)
        shown = shows_recording(recording, self._settings)
        return await self._directory.endpoint(stream, identity_of(recording.id), shown=shown)

    def _settings_for(self, recording: Recording) -> Settings:
        """Of the streams with names of their own it needs its own, which may be none of ours."""
        defined = self._directory.named.definition(recording.stream_id)
        streams = {} if defined is None else {recording.stream_id: defined}
        return self._settings.model_copy(update={"streams": streams})

    async def _keys(self, recording: Recording) -> E2eeKeys | None:
        if is_only_to_finish(recording):
            return None
        return await unsealed(self._catalog, recording.e2ee)

    async def _not_launched(self, recording: Recording, error: HavenError) -> None:
        if recording.worker_starts:
            # Something is recorded already: the watchdog tries again, and finally finishes it.
            log.warning("no worker could be started; trying again", error=error.error)
            return
        await asyncio.to_thread(shutil.rmtree, recording.work_directory, ignore_errors=True)
        await self.fail(recording, error)


def worker_of(row: Recording | Encode) -> WorkerHandle | None:
    """The process that the row of a recording or an encode names."""
    pid, created, boot = row.worker_pid, row.worker_created, row.worker_boot
    if pid is None or created is None or boot is None:
        return None
    return WorkerHandle(pid, created, boot)
