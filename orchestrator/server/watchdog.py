"""Keeps a worker at every active recording: replaces one that died, finishes what a crash left."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog
from structlog.contextvars import bound_contextvars

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError, WorkerFailed
from orchestrator.periodic import Periodic
from orchestrator.recordings.job import runtime_directory
from orchestrator.recordings.states import RecordingState
from orchestrator.server.recording_workers import RecordingWorkers, worker_of

log = structlog.get_logger(__name__)

WATCH_S: Final = 0.5
LOOKS: Final = 5
"""How often within `WATCH_S` ended child processes are looked for: a system call for each."""

LAUNCH_TIME_S: Final = 30.0
"""Starting a worker takes no longer than this."""

MAX_DEATHS: Final = 5
DEATHS_WITHIN_S: Final = 600.0
"""A recording fails when more workers than this die within this time; in days more may die."""


class Watchdog:
    """Watches the workers of all active recordings, also those that an earlier server started.

    A recording that was active when this server started, and whose worker is dead, lost its server
    too: its file is made of what there is, and `recovered` is called with it.
    """

    def __init__(
        self, catalog: Catalog, workers: RecordingWorkers, recovered: Callable[[Recording], None]
    ) -> None:
        self._catalog, self._workers, self._recovered = catalog, workers, recovered
        self._unattended: dict[tuple[str, int], float] = {}
        """Since when a recording has no worker, by its id and how many workers it had."""
        self._found: set[str] = set()
        """Recordings of an earlier server whose worker hasn't been seen alive yet."""
        self._others: set[str] = set()
        """Recordings that another server looks after."""
        self._deaths: dict[str, deque[float]] = {}
        """When the latest workers of a recording died, on the monotonic clock."""
        self._watching = Periodic(
            self._look, WATCH_S / LOOKS, failure="watching the workers failed; trying again"
        )
        self._looks = 0

    async def open(self, *, alone: bool) -> None:
        """Begin to watch; unless `alone`, another server looks after what already runs."""
        running = {recording.id for recording in await self._catalog.active()}
        self._found, self._others = (running, set()) if alone else (set(), running)
        self._watching.open()

    async def close(self) -> None:
        """Stop watching, and wait for the workers that are about to end."""
        await self._watching.close()
        await self._workers.close()

    async def want_stop(self, recording: Recording, failure: HavenError | None = None) -> None:
        """Write into the catalog that it is to end, and wake its worker.

        `failure` is the error it ends with if nothing is recorded yet.
        """
        if failure is None:
            await self._catalog.want(recording.id, "stop")
        else:
            error = {"error_code": failure.code, "error": failure.error, "detail": failure.detail}
            await self._catalog.update(recording.id, wanted="stop", **error)
        self._workers.wake(await self._catalog.get(recording.id))

    async def _look(self) -> None:
        """Looks after all every `WATCH_S`, and at once when a child process has ended."""
        due = self._looks % LOOKS == 0
        self._looks += 1
        if self._workers.reap() or due:
            self._looks = 1
            await self._look_after_all()

    async def _look_after_all(self) -> None:
        active = await self._catalog.active()
        self._forget(active)
        for recording in active:
            if recording.id not in self._others:
                with bound_contextvars(recording=recording.id):
                    await self._look_after(recording)
        if not any(recording.state == RecordingState.STARTING for recording in active):
            await self._workers.keep_ready()

    def _forget(self, active: list[Recording]) -> None:
        keys = {_key(recording) for recording in active}
        self._unattended = {k: v for k, v in self._unattended.items() if k in keys}
        ids = {recording.id for recording in active}
        self._found &= ids
        self._deaths = {id: died for id, died in self._deaths.items() if id in ids}

    async def _look_after(self, recording: Recording) -> None:
        alive = self._workers.alive(recording)
        if alive:
            self._found.discard(recording.id)
        elif alive is None:
            # A process is starting it; if that process dies, no worker is ever written down.
            since = self._unattended.setdefault(_key(recording), time.monotonic())
            if time.monotonic() - since > LAUNCH_TIME_S:
                await self._replace(recording)
        else:
            row = await self._catalog.get(recording.id)
            if row.ended_at is None and worker_of(row) == worker_of(recording):
                await self._replace(row)

    async def _replace(self, recording: Recording) -> None:
        await asyncio.to_thread(shutil.rmtree, runtime_directory(recording.id), ignore_errors=True)
        if recording.id in self._found:
            self._found.discard(recording.id)
            await self._recover(recording)
        else:
            await self._take_over(recording)

    async def _recover(self, recording: Recording) -> None:
        """A new worker only makes the file of what there is."""
        log.warning("server and worker had died; finishing the file")
        await self._catalog.add_event(
            recording.id,
            "recovered",
            "Server and worker had died; the file is made of what was written.",
        )
        await self._catalog.update(
            recording.id, state=RecordingState.STOPPING.value, recovered=True
        )
        self._recovered(recording)
        await self._workers.launch(await self._catalog.get(recording.id))

    async def _take_over(self, recording: Recording) -> None:
        """A new worker goes on; after MAX_DEATHS it only makes the file of what there is."""
        deaths = self._count_death(recording.id)
        if deaths > MAX_DEATHS:
            error = f"The worker of {recording.stream_id} died {deaths} times."
            await self._workers.fail(recording, WorkerFailed(error, _kept(recording)))
            return
        log.warning("worker died; starting a new one")
        await self._catalog.add_event(
            recording.id,
            "worker",
            "The worker died; a new one takes over.",
            **{"state": recording.state},
        )
        if deaths == MAX_DEATHS:
            await self._catalog.update(recording.id, state=RecordingState.STOPPING.value)
        elif recording.state == RecordingState.RECORDING:
            await self._catalog.update(recording.id, state=RecordingState.RECONNECTING.value)
        await self._workers.launch(await self._catalog.get(recording.id))

    def _count_death(self, id: str) -> int:
        """Deaths within the last DEATHS_WITHIN_S, this one included."""
        now = time.monotonic()
        died = self._deaths.setdefault(id, deque(maxlen=MAX_DEATHS + 1))
        died.append(now)
        return sum(now - at < DEATHS_WITHIN_S for at in died)


def _kept(recording: Recording) -> str:
    return f"The recorded segments and the log are kept in {recording.work_directory}."


def _key(recording: Recording) -> tuple[str, int]:
    return recording.id, recording.worker_starts
