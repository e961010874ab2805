"""Keeps a worker at every active recording: launches, wakes, and replaces one that died."""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import UTC, datetime
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
LAUNCH_TIME_S: Final = 30.0
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
        self._unattended: dict[tuple[str, int], float] = {}
        """Since when a recording has no worker, by its id and how many it had."""
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
        except HavenError as error:
            await self._not_launched(recording, error)
        except OSError as error:
            why = f"No process could be started for {recording.mint_id}: {error}."
            await self._not_launched(recording, WorkerFailed(why, "Free some memory or processes."))

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
        try:
            await self._catalog.update(
                recording.id, worker_pid=worker.pid, worker_created=worker.created
            )
        except BaseException:  # nobody could find it again
            await self._launcher.kill(worker)
            raise

    async def _watch(self) -> None:
        while True:
            try:
                active = await self._catalog.active()
                self._unattended = {k: v for k, v in self._unattended.items() if k in _keys(active)}
                for recording in active:
                    await self._look_after(recording)
            except Exception:  # a task's boundary: whatever it was, look again in a second
                log.exception("can't look after the recordings")
            await asyncio.sleep(WATCH_S)

    async def _look_after(self, recording: Recording) -> None:
        worker = _worker_of(recording)
        if worker is None:
            # Somebody is starting it; who dies on the way never writes down its worker.
            since = self._unattended.setdefault(_key(recording), time.monotonic())
            if time.monotonic() - since > LAUNCH_TIME_S:
                await self._take_over(recording)
        elif not self._launcher.alive(worker):
            row = await self._catalog.get(recording.id)
            if row.ended_at is None and _worker_of(row) == worker:
                await self._take_over(row)

    async def _take_over(self, recording: Recording) -> None:
        """The next worker goes on; after too many, one more makes the file of what there is."""
        if recording.worker_starts > MAX_STARTS:
            why = f"The process of {recording.mint_id} died {recording.worker_starts} times."
            await self._fail(recording, WorkerFailed(why, _kept(recording)))
            return
        log.warning("worker died; a new one goes on", recording=recording.id)
        await self._catalog.add_event(
            recording.id, "worker", "The process died; a new one goes on."
        )
        if recording.worker_starts == MAX_STARTS:
            await self._catalog.update(recording.id, state=RecordingState.STOPPING.value)
        elif recording.state in CAPTURING:
            await self._catalog.update(recording.id, state=RecordingState.RECONNECTING.value)
        await asyncio.to_thread(shutil.rmtree, runtime_directory(recording.id), ignore_errors=True)
        await self.launch(recording)

    async def _not_launched(self, recording: Recording, error: HavenError) -> None:
        if recording.worker_starts:
            # Something is recorded already: it is tried again, and finished at the last try.
            log.warning("no worker could be started", recording=recording.id, error=error.error)
            return
        await asyncio.to_thread(shutil.rmtree, recording.work_directory, ignore_errors=True)
        await self._fail(recording, error)

    async def _fail(self, recording: Recording, failure: HavenError) -> None:
        log.error("recording failed", recording=recording.id, error=failure.error)
        await self._catalog.update(
            recording.id,
            state=RecordingState.FAILED.value,
            ended_at=datetime.now(UTC),
            error_code=failure.code,
            error=failure.error,
            detail=failure.detail,
        )


def _kept(recording: Recording) -> str:
    return f"What was recorded, and the log, are kept in {recording.work_directory}."


def _key(recording: Recording) -> tuple[str, int]:
    return recording.id, recording.worker_starts


def _keys(active: list[Recording]) -> set[tuple[str, int]]:
    return {_key(recording) for recording in active}


def _worker_of(recording: Recording) -> WorkerHandle | None:
    if recording.worker_pid is None or recording.worker_created is None:
        return None
    return WorkerHandle(recording.worker_pid, recording.worker_created)
