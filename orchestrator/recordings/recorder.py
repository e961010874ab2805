"""One recording from its first connection to its final file, in its own worker process.

Read `run`: open the source, wait for the first frame, record until something ends it, finish.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.ending import Ending
from orchestrator.encoding.states import ProcessState
from orchestrator.encoding.supervisor import Supervisor
from orchestrator.errors import HavenError, Unavailable, WorkerFailed
from orchestrator.pipes.queue import FrameQueue
from orchestrator.recordings import orphans
from orchestrator.recordings.beginning import (
    began_at,
    canvas_of,
    known_origin_ns,
    until_first_frame,
)
from orchestrator.recordings.bounds import Bounds
from orchestrator.recordings.capture import Capture
from orchestrator.recordings.checksums import add_sums
from orchestrator.recordings.finish import conclude, make_whole_parts
from orchestrator.recordings.ledger import Ledger
from orchestrator.recordings.pacing import Pacing, settled
from orchestrator.recordings.policy import Policy
from orchestrator.recordings.previews import Preview
from orchestrator.recordings.rejoin import bounds_of, only_to_finish, segments_of
from orchestrator.recordings.report import PERIOD_S, Reporter
from orchestrator.recordings.segments import Encoding, Segments
from orchestrator.recordings.states import RecordingState, may_follow
from orchestrator.settings import Settings
from orchestrator.sources.source import OnEvent, Source

log = structlog.get_logger(__name__)

TICK_S: Final = 0.1
GRACE_S: Final = 15.0
"""Least time ffmpeg is given for its end before signals; while it works it is given more."""

_S = RecordingState


@dataclass(frozen=True, slots=True)
class Parts:
    """What a recorder works with, made by the worker."""

    settings: Settings
    catalog: Catalog
    connect: Callable[[OnEvent], Awaitable[Source]]
    """Makes the source (not yet open) that will give its events to the function."""
    encoding: Awaitable[Encoding]
    """Preset and ffmpeg, being looked for while we connect."""
    runtime: Path
    preview: Preview


class Recorder:
    """Runs one recording. `stop` from outside ends it with a proper file."""

    def __init__(self, recording: Recording, parts: Parts) -> None:
        self._recording = recording
        self._parts = parts
        self._settings, self._catalog = parts.settings, parts.catalog
        self._ledger = Ledger(recording, parts.catalog)
        self._stop_reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._failure: HavenError | None = None
        self._segments: Segments | None = None
        self._supervisor: Supervisor | None = None
        self._looks: list[Callable[[], None]] = []
        self._running = asyncio.Event()
        self._reporter = Reporter(parts.catalog, recording.id, os.getpid())
        self._capture = Capture(
            FrameQueue(self._settings.queue_bytes),
            Policy(self._settings.picture, recording.stream.get("creator")),
            origin_ns=known_origin_ns(recording),
            canvas=canvas_of(recording),
            note=self._ledger.note,
        )

    def wake(self) -> None:
        """Look now at what is wanted; called by the signal handler."""
        self._ledger.look()

    def stop(self, reason: str) -> None:
        """End the recording; the first reason stands."""
        if not self._stop_reason.done():
            self._stop_reason.set_result(reason)

    async def run(self) -> None:
        """The whole recording. Whatever goes wrong ends in the catalog, never in a lost segment."""
        error: HavenError | None = None
        async with self._ledger.kept(lambda: self.stop("stopped")):
            try:
                if not only_to_finish(self._recording):
                    await self._record()
            except* HavenError as group:
                error = _first(group)
                log.warning("recording ended by an error", error=error.error, detail=error.detail)
            reason = self._stop_reason.result() if self._stop_reason.done() else None
            await orphans.wait_until_ended(self._recording)
            await self._save_segments()
            await conclude(self._ledger, self._parts.encoding, reason, self._failure or error)
        await add_sums(self._catalog, self._recording.id)

    # -- recording

    async def _record(self) -> None:
        async with self._source() as source, asyncio.TaskGroup() as tasks:
            helpers = [
                tasks.create_task(self._follow_wanted(source)),
                tasks.create_task(self._tick()),
                tasks.create_task(self._report(source)),
            ]
            try:
                await until_first_frame(
                    self._recording,
                    self._capture,
                    self._stop_reason,
                    self._settings.connect_timeout_s,
                )
                await self._encode(source)
            finally:
                for helper in helpers:
                    helper.cancel()

    @asynccontextmanager
    async def _source(self) -> AsyncIterator[Source]:
        source = await self._parts.connect(self._capture.on_event)
        try:
            await source.open()
            self._ledger.note("joined", "Connected to the stream.")
            yield source
        finally:
            await source.close()

    async def _encode(self, source: Source) -> None:
        self._segments = segments = await segments_of(
            self._recording,
            self._catalog,
            self._capture,
            await self._parts.encoding,
            runtime=self._parts.runtime,
            preview=self._parts.preview,
        )
        bounds = await bounds_of(
            segments, self._settings, stop=self.stop, split=self._split, fail=self._fail
        )
        pacing = await settled(segments, self._settings, self._ledger.note)
        self._supervisor = supervisor = Supervisor(
            segments.begin,
            self._ffmpeg_changed,
            self._ffmpeg_ended,
            max_restarts=self._settings.max_restarts,
        )
        self._looks = [bounds.look, lambda: pacing.look(supervisor)]
        encoding = asyncio.create_task(supervisor.run())
        try:
            await self._wait_running(encoding)
            if self._running.is_set():
                await self._ledger.become(_S.RECORDING, started_at=began_at(self._capture))
            watching = asyncio.create_task(self._look_after(segments, bounds, pacing))
            watching.add_done_callback(self._watching_ended)
            try:
                await self._until_ended(encoding)
            finally:
                watching.cancel()
        finally:
            await self._wind_up(source)
            await self._report_once(source)
        await encoding

    async def _wait_running(self, encoding: asyncio.Task[None]) -> None:
        running = asyncio.create_task(self._running.wait())
        waits: set[asyncio.Future[Any]] = {running, encoding, self._stop_reason}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            running.cancel()

    async def _until_ended(self, encoding: asyncio.Task[None]) -> None:
        ended: set[asyncio.Future[Any]] = {encoding, self._capture.closed, self._stop_reason}
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        if self._capture.closed.done():
            closed = self._capture.closed.result()
            self.stop(closed.error.error if closed.error else closed.reason)

    async def _wind_up(self, source: Source) -> None:
        """Take what has come, give out what is held, then let ffmpeg finish its file."""
        assert self._supervisor is not None
        try:
            if may_follow(self._ledger.state, _S.STOPPING):
                await self._ledger.become(_S.STOPPING)
            await source.flush()
        finally:
            self._capture.finish()
            await self._supervisor.stop(grace_s=min(GRACE_S, self._settings.shutdown_timeout_s))

    # -- background

    async def _follow_wanted(self, source: Source) -> None:
        """Subscribe to what the policy chose; reconnecting and back is a state of its own."""
        while True:
            await self._capture.wanted_changed.wait()
            self._capture.wanted_changed.clear()
            await source.subscribe(self._capture.wanted)
            if self._ledger.state in (_S.RECORDING, _S.RECONNECTING):
                connected = self._capture.connected
                await self._ledger.become(_S.RECORDING if connected else _S.RECONNECTING)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._capture.tick()
            if self._running.is_set():
                for look in self._looks:
                    look()
            idle = self._capture.choice.idle_since
            grace = self._settings.grace_s
            if self._capture.began.is_set() and idle and time.monotonic() - idle > grace:
                self.stop(f"nothing was published for {grace:g} s")

    async def _report(self, source: Source) -> None:
        while True:
            await self._report_once(source)
            await asyncio.sleep(PERIOD_S)

    async def _report_once(self, source: Source) -> None:
        try:
            await self._reporter.report(self._capture, source, self._segments, self._supervisor)
            if self._segments is not None:
                await self._segments.save_all()
        except Unavailable as error:
            log.warning("figures not written", error=error.error)

    async def _save_segments(self) -> None:
        """What the catalog was too busy to take belongs in the file too."""
        if (segments := self._segments) is not None:
            await self._ledger.surely("the segments", segments.save_all)

    # -- limits

    async def _look_after(self, segments: Segments, bounds: Bounds, pacing: Pacing) -> None:
        """End or split it in time, make files of the parts that are whole, ask for room."""
        encoding = await self._parts.encoding
        while True:
            await bounds.look_at_disk()
            # Shielded: a file that is being made is made; `conclude` waits for it.
            await asyncio.shield(make_whole_parts(self._ledger, segments.whole_parts(), encoding))
            await pacing.ask_for_room()
            await asyncio.sleep(PERIOD_S)

    def _watching_ended(self, watching: asyncio.Task[None]) -> None:
        """The task's boundary: nobody looks at the disk any more, so the file is ended safely."""
        problem = None if watching.cancelled() else watching.exception()
        if problem is not None:
            why = f"Looking after the disk, the limits and the room failed: {problem!r}."
            self._fail(WorkerFailed(why, "The log in the work folder says more; start it again."))

    def _fail(self, error: HavenError) -> None:
        self._failure = self._failure or error
        self.stop(error.error)

    def _split(self) -> None:
        assert self._segments is not None
        assert self._supervisor is not None
        self._segments.part += 1
        self._ledger.note("split", f"Part {self._segments.part} is to begin.")
        self._supervisor.split()

    # -- what ffmpeg does

    def _ffmpeg_changed(self, state: ProcessState, why: str) -> None:
        self._ledger.note("ffmpeg", f"{state}: {why}", to=state.value)
        if state is ProcessState.RUNNING:
            self._running.set()

    def _ffmpeg_ended(self, number: int, ending: Ending) -> None:
        told = f"segment {number} {ending.outcome}, exit code {ending.returncode}"
        how = {"outcome": ending.outcome, "returncode": ending.returncode}
        self._ledger.note("segment", told, **how)


def _first(group: BaseExceptionGroup[HavenError]) -> HavenError:
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    assert isinstance(inner, HavenError)
    return inner
