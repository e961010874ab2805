"""Keeps a worker at every active recording: launches, wakes, and replaces one that died."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.discovery.directory import Directory
from orchestrator.errors import HavenError, WorkerFailed
from orchestrator.media import Stream
from orchestrator.recordings.launcher import Launcher, WorkerHandle
from orchestrator.recordings.states import CAPTURING, RecordingState
from orchestrator.recordings.worker import identity_of, job_line, runtime_directory
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)

WATCH_S: Final = 1.0
LAUNCH_TIME: Final = timedelta(seconds=30)
"""What starting a worker takes at the most."""

MAX_STARTS: Final = 5
"""Workers one recording may use up."""


class Keeper:
    """Looks after the workers once a second; also after those that an earlier server started."""

    def __init__(
        self, settings: Settings, catalog: Catalog, directory: Directory, launcher: Launcher
    ) -> None:
        self._settings, self._catalog, self._directory = settings, catalog, directory
        self._launcher = launcher
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to watch."""
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stop watching, and wait for the workers that are about to end."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._launcher.close(leave=self._settings.leave_recordings_running)

    async def launch(self, recording: Recording) -> None:
        """Start a worker for it, unless another server does; fail it when that is impossible."""
        if not await self._catalog.claim(recording.id, recording.worker_starts):
            return
        try:
            await self._launch(recording)
        except (OSError, HavenError) as error:
            await self._fail(recording, f"No process could be started for the recording: {error}")

    async def want_stop(self, recording: Recording) -> None:
        """Write down that it is to end, and tell its worker."""
        await self._catalog.want(recording.id, "stop")
        if (worker := _worker_of(await self._catalog.get(recording.id))) is not None:
            self._launcher.wake(worker)

    async def _launch(self, recording: Recording) -> None:
        # A worker uses the demo stream that runs here; it starts none of its own.
        known = {"demo_url": self._directory.demo_url()}
        settings = self._settings.model_copy(update=known)
        log_path = Path(recording.work_directory) / "worker.log"
        stream = Stream(**recording.stream)
        endpoint = await self._directory.endpoint(stream, identity_of(recording.id))
        job = job_line(recording.id, settings, endpoint)
        worker = await self._launcher.start(job, log_path)
        await self._catalog.update(
            recording.id, worker_pid=worker.pid, worker_created=worker.created
        )

    async def _watch(self) -> None:
        while True:
            try:
                for recording in await self._catalog.active():
                    await self._look_after(recording)
            except HavenError as error:  # the catalog is busy or the disk is full: look again
                log.warning("can't look after the recordings", error=error.error)
            await asyncio.sleep(WATCH_S)

    async def _look_after(self, recording: Recording) -> None:
        worker = _worker_of(recording)
        if worker is None:
            # Somebody is starting it; who dies on the way never writes down its worker.
            if datetime.now(UTC) - recording.created_at > LAUNCH_TIME:
                await self._take_over(recording)
        elif not self._launcher.alive(worker):
            row = await self._catalog.get(recording.id)
            if row.ended_at is None and _worker_of(row) == worker:
                await self._take_over(row)

    async def _take_over(self, recording: Recording) -> None:
        await asyncio.to_thread(shutil.rmtree, runtime_directory(recording.id), ignore_errors=True)
        if recording.worker_starts >= MAX_STARTS:
            await self._fail(recording, f"Its process died {MAX_STARTS} times.")
            return
        log.warning("worker died; a new one goes on", recording=recording.id)
        await self._catalog.add_event(
            recording.id, "worker", "The process died; a new one goes on."
        )
        if recording.state in CAPTURING:
            await self._catalog.update(recording.id, state=RecordingState.RECONNECTING.value)
        await self.launch(recording)

    async def _fail(self, recording: Recording, why: str) -> None:
        failure = WorkerFailed(
            f"{why} ({recording.mint_id})", f"Its log: {recording.work_directory}/worker.log"
        )
        log.error("recording failed", recording=recording.id, error=failure.error)
        await self._catalog.update(
            recording.id,
            state=RecordingState.FAILED.value,
            ended_at=datetime.now(UTC),
            error_code=failure.code,
            error=failure.error,
            detail=failure.detail,
        )


def _worker_of(recording: Recording) -> WorkerHandle | None:
    if recording.worker_pid is None or recording.worker_created is None:
        return None
    return WorkerHandle(recording.worker_pid, recording.worker_created)
