"""The processes that hold publishers: found by their control sockets, started where there is none.

A server keeps nothing about them: whoever started them, they are found by the stream's id, and a
server that was restarted knows them as the last one did.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator.discovery.configured import ConfiguredDiscovery
from orchestrator.errors import HavenError, PublisherNotFound, TooManyPublishers, Unavailable
from orchestrator.ingest.control import (
    NobodyListens,
    ask,
    folder_of,
    make_folder,
    socket_of,
    sockets_in,
)
from orchestrator.media import WhipEndpoint
from orchestrator.monitor.usage import boot_id, created
from orchestrator.recordings.ingest_job import IngestJob
from orchestrator.recordings.job import Job
from orchestrator.server.launcher import Launcher, WorkerHandle
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)

BEGIN_S: Final = 10.0
"""Longest time from the start of a process until it listens."""

UNTIL_CONNECTED_S: Final = 70.0
"""More than a publisher has for its media connection."""

STATUS_S: Final = 0.5
"""Longest wait for what a process says of itself: it is asked once a second."""

_LOOK_S: Final = 0.01


class Publishers:
    """Those of all streams of this catalog."""

    def __init__(
        self, settings: Settings, launcher: Launcher, streams: ConfiguredDiscovery
    ) -> None:
        self._settings, self._launcher, self._streams = settings, launcher, streams
        self._locks: dict[str, asyncio.Lock] = {}
        self._following: set[asyncio.Task[None]] = set()
        self.on_connected: Callable[[], None] = lambda: None
        """Called when a publisher is connected."""

    async def open(self) -> None:
        """Ends the publishers that are connected with another key than their stream has now."""
        for stream_id in (await self.processes()).values():
            try:
                await self._ask(stream_id, op="key", digest=self._key_digest(stream_id))
            except NobodyListens:
                continue
            except HavenError as error:
                log.warning("a publisher's key can't be checked", error=error.error)

    # -- what publishers ask for

    def key_of(self, stream_id: str) -> str | None:
        """The key with which a stream may be published; None if it can't be."""
        defined = self._streams.definition(stream_id)
        return defined.whip.get_secret_value() if defined and defined.whip else None

    async def offer(self, stream_id: str, sdp: str) -> dict[str, Any]:
        """Begins a session: `sdp` of the answer, `session` and `etag`.

        Raises UnusableOffer, TooManyPublishers, and Unavailable if no process can be had.
        """
        request = {"op": "offer", "sdp": sdp, "key": self._key_digest(stream_id)}
        async with self._lock(stream_id):
            try:
                answered = await self._ask(stream_id, **request)
            except NobodyListens:
                await self._begin(stream_id)
                answered = await self._ask(stream_id, **request)
        self._follow(stream_id)
        return answered

    async def of_session(self, stream_id: str, **request: Any) -> None:
        """Passes on what a publisher asks of its session; raises PublisherNotFound."""
        try:
            await self._ask(stream_id, **request)
        except NobodyListens as error:
            raise PublisherNotFound() from error

    async def processes(self) -> dict[int, str]:
        """The streams whose publishers are held, by the pids of the processes that answer."""
        paths = await asyncio.to_thread(sockets_in, self._folder)
        answers = await asyncio.gather(*map(_status, paths))
        return {each["pid"]: each["stream"] for each in answers if "pid" in each}

    # -- recordings

    async def launch(self, job: Job) -> WorkerHandle:
        """Has the job done by the process that holds its publisher, or else by a new one."""
        assert isinstance(job.endpoint, WhipEndpoint)
        stream_id = job.endpoint.stream_id
        async with self._lock(stream_id):
            worker = await self._hand_over(stream_id, job)
            if worker is None:
                worker = await self._launcher.start(job.line(), job.log)
                await self._until_listening(stream_id, worker)
            return worker

    async def _hand_over(self, stream_id: str, job: Job) -> WorkerHandle | None:
        try:
            pid = (await self._ask(stream_id, op="record", job=job.line()))["pid"]
        except NobodyListens:
            return None
        except HavenError as error:
            # Of another version, or ending: its publisher has to come again.
            log.warning("the publisher's process can't record", error=error.error)
            with contextlib.suppress(NobodyListens, HavenError):
                await self._ask(stream_id, op="end")
            return None
        began = created(pid)
        return None if began is None else WorkerHandle(pid, began, boot_id())

    # -- the end

    async def close(self, *, leave: bool) -> None:
        """Ends them all, or leaves them to the next server; recordings finish by themselves."""
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        if leave:
            return
        paths = await asyncio.to_thread(lambda: sockets_in(self._folder))
        await asyncio.gather(*map(_end, paths))

    # -- inside

    @functools.cached_property
    def _folder(self) -> Path:
        return folder_of(self._settings.database_url)

    def _key_digest(self, stream_id: str) -> str:
        """Tells keys apart; empty without one."""
        key = self.key_of(stream_id)
        return hashlib.sha256(key.encode()).hexdigest() if key else ""

    async def _ask(self, stream_id: str, **request: Any) -> dict[str, Any]:
        return await ask(socket_of(self._folder, stream_id), **request)

    async def _begin(self, stream_id: str) -> None:
        await asyncio.to_thread(make_folder, self._folder)
        await self._check_limit()
        settings = self._settings.model_copy(update={"streams": {}})
        job = IngestJob(stream_id, settings)
        worker = await self._launcher.start(job.line(), job.log)
        await self._until_listening(stream_id, worker)

    async def _check_limit(self) -> None:
        most = self._settings.max_publishers
        paths = await asyncio.to_thread(sockets_in, self._folder)
        if len(paths) < most or sum(await asyncio.gather(*map(_is_there, paths))) < most:
            return
        raise TooManyPublishers(
            f"{most} publishers are connected, which is the limit.",
            "Try again when another one has left, or raise ORCHESTRATOR_MAX_PUBLISHERS.",
            retry_after_s=10.0,
        )

    async def _until_listening(self, stream_id: str, worker: WorkerHandle) -> None:
        """Until the process can be asked; returns as well if it is gone, as its starter sees."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BEGIN_S):
                while self._launcher.alive(worker):
                    with contextlib.suppress(NobodyListens):
                        await self._ask(stream_id, op="status")
                        return
                    await asyncio.sleep(_LOOK_S)

    @asynccontextmanager
    async def _lock(self, stream_id: str) -> AsyncIterator[None]:
        """One process for a stream: whoever looks for it may be about to start it."""
        lock = self._locks.setdefault(stream_id, asyncio.Lock())
        try:
            async with lock:
                yield
        except NobodyListens as error:
            raise Unavailable(
                f"No process could be started for the publisher of {stream_id}.",
                "Free some memory or processes; the server's log says more.",
            ) from error

    def _follow(self, stream_id: str) -> None:
        """Says when the publisher is connected."""
        task = asyncio.create_task(self._until_connected(stream_id), name="publisher")
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    async def _until_connected(self, stream_id: str) -> None:
        path = socket_of(self._folder, stream_id)
        with contextlib.suppress(NobodyListens, HavenError):
            answer = await ask(path, timeout_s=UNTIL_CONNECTED_S, op="until_connected")
            if answer["publisher"] is not None:
                self.on_connected()


async def _is_there(path: Path) -> bool:
    """Whether a process listens, which may have been killed."""
    try:
        await ask(path, op="status")
    except NobodyListens:
        return False
    except HavenError:
        return True
    return True


async def _status(path: Path) -> dict[str, Any]:
    """What a process says of itself; empty if it doesn't."""
    try:
        return await ask(path, timeout_s=STATUS_S, op="status")
    except (NobodyListens, HavenError):
        return {}


async def _end(path: Path) -> None:
    try:
        await ask(path, op="end")
    except NobodyListens:
        await asyncio.to_thread(path.unlink, missing_ok=True)  # it was killed
    except HavenError as error:
        log.warning("a publisher's process doesn't end", error=error.error)
