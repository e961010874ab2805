"""The process that holds a stream's publisher: answers its offers, and records when it is told to.

It begins with an offer, or as the next worker of a recording whose worker died with its publisher.
It ends when there is neither a publisher nor a recording any more. One recording at a time takes
what comes; of those before, files may still be finished and summed up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any, Final

import structlog
from structlog.contextvars import bound_contextvars

from orchestrator.errors import Unavailable
from orchestrator.ingest.control_server import ControlServer
from orchestrator.recordings.ingest_job import IngestJob
from orchestrator.recordings.job import Job
from orchestrator.sources.aiortc.ingest.local_addresses import LocalAddresses
from orchestrator.sources.whip.publisher import StreamLimits
from orchestrator.sources.whip.publishers import Publishers
from orchestrator.stderr_log import StderrLog
from orchestrator.worker.process import record
from orchestrator.worker.signals import RunningRecorders

log = structlog.get_logger(__name__)

UNUSED_S: Final = 3.0
"""Without publisher and recording, the process ends."""

UNTIL_CONNECTED_S: Final = 60.0
"""Longest wait for who asks to be told when a publisher is connected."""


async def hold(ingest: IngestJob, log_file: StderrLog, first: Job | None = None) -> None:
    """Runs until it isn't needed; `first` is the recording it begins with.

    `log_file`: where the process writes its log now.
    """
    await _IngestProcess(ingest, log_file).run(first)


class _IngestProcess:
    def __init__(self, ingest: IngestJob, log_file: StderrLog) -> None:
        self._stream_id, settings = ingest.stream_id, ingest.settings
        self._socket, self._own_log, self._log = ingest.socket, ingest.log, log_file
        limits = StreamLimits(settings.max_frame_pixels, settings.copy_keyframe_interval_s)
        addresses = LocalAddresses(settings.whip_ports, settings.whip_public_address)
        self._publishers = Publishers(addresses, limits, self._look)
        self._changing_log = asyncio.Lock()
        self._recorders = RunningRecorders(self._end)
        self._recording: dict[str, asyncio.Task[None]] = {}
        self._key: str | None = None
        """A digest of the key with which the last publisher came, if it is known."""
        self._failure: BaseException | None = None
        self._done = asyncio.Event()
        self._ending = False
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, first: Job | None) -> None:
        """Until it isn't needed. Raises what ended a recording that isn't finished."""
        self._recorders.obey_signals()
        control = ControlServer(self._socket, self._handle)
        await control.open()
        try:
            if first is not None:
                self._record(first)
            self._look()
            await self._done.wait()
        finally:
            control.refuse()
            self._publishers.end()
            if self._failure is None:  # nobody needs it: all recordings have their own
                await asyncio.to_thread(self._own_log.unlink, missing_ok=True)
            await control.close()
            await self._publishers.close()
            await asyncio.gather(*self._recording.values(), return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    # -- requests

    async def _handle(self, request: dict[str, Any]) -> dict[str, Any]:
        match request:
            case {"op": "status"}:
                publisher = self._publishers.described()
                return {"publisher": publisher, "pid": os.getpid(), "stream": self._stream_id}
            case {"op": "until_connected"}:
                return await self._until_connected()
            case {"op": "offer", "sdp": str(sdp)}:
                return await self._offer(sdp, request.get("key"))
            case {"op": "key", "digest": digest} if self._key not in (None, digest):
                self._publishers.end("the stream's key was changed")
            case {"op": "key"}:
                pass  # it is the same
            case {"op": "candidates", "session": session, "etag": etag, "fragment": fragment}:
                self._publishers.add_candidates(session, etag, fragment)
            case {"op": "session", "session": session}:
                self._publishers.session(session)
            case {"op": "leave", "session": session}:
                self._publishers.leave(session)
            case {"op": "record", "job": str(line)}:
                self._record(Job.read(line))
                return {"pid": os.getpid()}
            case {"op": "end"}:
                self._end()
            case _:
                raise Unavailable("The process that holds the publisher is of another version.")
        return {}

    async def _offer(self, sdp: str, key: str | None) -> dict[str, Any]:
        self._check_offers()
        answered = await self._publishers.offer(sdp)
        try:
            self._check_offers()
        except Unavailable:  # it began to end meanwhile
            self._publishers.leave(answered.session)
            raise
        self._key = key
        return {"sdp": answered.sdp, "session": answered.session, "etag": answered.etag}

    def _check_offers(self) -> None:
        if self._ending or self._done.is_set():
            raise Unavailable(
                "The publishers' process is ending.", "Publish again.", retry_after_s=1.0
            )

    async def _until_connected(self) -> dict[str, Any]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UNTIL_CONNECTED_S):
                await self._publishers.until_decided()
        return {"publisher": self._publishers.described()}

    # -- recordings

    def _record(self, job: Job) -> None:
        if self._ending:
            raise Unavailable("The publishers' process is ending.", "Start it again.")
        task = asyncio.create_task(self._run(job), name=f"recording {job.recording_id}")
        self._recording[job.recording_id] = task
        task.add_done_callback(lambda task: self._recorded(job, task))

    async def _run(self, job: Job) -> None:
        await self._log_into(job.log)
        with bound_contextvars(recording=job.recording_id):
            await record(job, self._recorders, self._publishers)
        if self._recording.keys() == {job.recording_id}:
            await self._log_into(self._own_log)

    def _recorded(self, job: Job, task: asyncio.Task[None]) -> None:
        self._recording.pop(job.recording_id, None)
        problem = None if task.cancelled() else task.exception()
        if problem is not None:  # the recording needs another worker, as when this process dies
            log.error("a recording failed", recording=job.recording_id, error=repr(problem))
            self._failure = problem
            self._done.set()
        self._look()

    async def _log_into(self, path: Path) -> None:
        """The newest recording's log has it all, as that of any worker."""
        async with self._changing_log:
            new = StderrLog(path)
            try:
                await asyncio.to_thread(new.start)
            except OSError as error:
                log.warning("the log stays where it is", path=str(path), error=str(error))
                return
            before, self._log = self._log, new
            await asyncio.to_thread(before.close)

    # -- the end

    def _look(self) -> None:
        """Ends the process, in a moment, when nobody needs it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ending and not self._recording:
            self._publishers.end()
        if self._publishers.is_empty and not self._recording:
            wait_s = 0.0 if self._ending else UNUSED_S
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._finish)

    def _finish(self) -> None:
        if self._publishers.is_empty and not self._recording:
            self._done.set()

    def _end(self) -> None:
        """No publisher is taken any more; the recordings that take one finish their files."""
        self._ending = True
        self._look()
