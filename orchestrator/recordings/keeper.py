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
from orchestrator.errors import WorkerFailed
from orchestrator.recordings.states import CAPTURING, RecordingState
from orchestrator.recordings.worker import runtime_directory
from orchestrator.recordings.workers import Workers, worker_of

log = structlog.get_logger(__name__)

WATCH_S: Final = 0.5
LAUNCH_TIME_S: Final = 30.0
"""What starting a worker takes at the most."""

MAX_DEATHS: Final = 5
DEATHS_WITHIN_S: Final = 600.0
"""So many workers of one recording may die within so long: one that runs for days may lose more."""


class Keeper:
    """Looks after the workers all the time; also after those that an earlier server started.

    A recording that was active when we came, and whose worker is dead, was struck by something
    that ended the server as well: it is finished, not gone on with. `recovered` is told of it.
    """

    def __init__(
        self, catalog: Catalog, workers: Workers, recovered: Callable[[Recording], None]
    ) -> None:
        self._catalog, self._workers, self._recovered = catalog, workers, recovered
        self._unattended: dict[tuple[str, int], float] = {}
        """Since when a recording has no worker, by its id and how many it had."""
        self._found: set[str] = set()
        """Recordings of before whose worker wasn't seen alive yet."""
        self._others: set[str] = set()
        self._deaths: dict[str, deque[float]] = {}
        """When the latest workers of a recording died, on the monotonic clock."""
        self._watching: asyncio.Task[None] | None = None

    async def open(self, *, alone: bool) -> None:
        """Begin to watch; unless `alone`, what runs already is another server's to look after."""
        running = {recording.id for recording in await self._catalog.active()}
        self._found, self._others = (running, set()) if alone else (set(), running)
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stop watching, and wait for the workers that are about to end."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._workers.close()

    async def want_stop(self, recording: Recording) -> None:
        """Write down that it is to end, and tell its worker."""
        await self._catalog.want(recording.id, "stop")
        self._workers.wake(await self._catalog.get(recording.id))

    async def _watch(self) -> None:
        while True:
            try:
                self._workers.reap()
                active = await self._catalog.active()
                self._forget(active)
                for recording in active:
                    if recording.id not in self._others:
                        with bound_contextvars(recording=recording.id):
                            await self._look_after(recording)
                if not any(recording.state == RecordingState.STARTING for recording in active):
                    await self._workers.keep_ready()
            except Exception:  # a task's boundary: whatever it was, look again in a moment
                log.exception("can't look after the recordings")
            await asyncio.sleep(WATCH_S)

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
            # Somebody is starting it; who dies on the way never writes down its worker.
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
        """A worker makes the file of what there is."""
        log.warning("found after a crash; it is finished")
        await self._catalog.add_event(
            recording.id, "recovered", "Everything had died; the file is made of what was written."
        )
        await self._catalog.update(
            recording.id, state=RecordingState.STOPPING.value, recovered=True
        )
        self._recovered(recording)
        await self._workers.launch(await self._catalog.get(recording.id))

    async def _take_over(self, recording: Recording) -> None:
        """The next worker goes on; after too many, one more makes the file of what there is."""
        deaths = self._died(recording.id)
        if deaths > MAX_DEATHS:
            why = f"The process of {recording.mint_id} died {deaths} times."
            await self._workers.fail(recording, WorkerFailed(why, _kept(recording)))
            return
        log.warning("worker died; a new one goes on")
        await self._catalog.add_event(
            recording.id, "worker", "The process died; a new one goes on."
        )
        if deaths == MAX_DEATHS:
            await self._catalog.update(recording.id, state=RecordingState.STOPPING.value)
        elif recording.state in CAPTURING:
            await self._catalog.update(recording.id, state=RecordingState.RECONNECTING.value)
        await self._workers.launch(await self._catalog.get(recording.id))

    def _died(self, id: str) -> int:
        """How often that was lately, this time included."""
        now = time.monotonic()
        died = self._deaths.setdefault(id, deque(maxlen=MAX_DEATHS + 1))
        died.append(now)
        return sum(now - at < DEATHS_WITHIN_S for at in died)


def _kept(recording: Recording) -> str:
    return f"What was recorded, and the log, are kept in {recording.work_directory}."


def _key(recording: Recording) -> tuple[str, int]:
    return recording.id, recording.worker_starts
