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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.ending import Ending
from orchestrator.encoding.states import ProcessState
from orchestrator.encoding.supervisor import Supervisor
from orchestrator.errors import HavenError, StoppedWhileStarting, Unavailable
from orchestrator.media import SECOND_NS
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.queue import FrameQueue
from orchestrator.recordings.capture import Capture
from orchestrator.recordings.finish import conclude
from orchestrator.recordings.ledger import Ledger
from orchestrator.recordings.report import PERIOD_S, Reporter
from orchestrator.recordings.segments import Encoding, Segments
from orchestrator.recordings.states import RecordingState, may_follow
from orchestrator.settings import Settings
from orchestrator.sources.source import OnEvent, Source

log = structlog.get_logger(__name__)

TICK_S: Final = 0.05
UNSUPPORTED_WAIT_S: Final = 4.0
"""How long a picture in a codec we can't receive may turn into one we can (backup codec)."""

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


class Recorder:
    """Runs one recording. `stop` from outside ends it with a proper file."""

    def __init__(self, recording: Recording, parts: Parts) -> None:
        self._recording = recording
        self._parts = parts
        self._settings, self._catalog = parts.settings, parts.catalog
        self._ledger = Ledger(recording, parts.catalog)
        self._stop_reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._segments: Segments | None = None
        self._supervisor: Supervisor | None = None
        self._running = asyncio.Event()
        self._reporter = Reporter(parts.catalog, recording.id, os.getpid())
        self._capture = Capture(
            FrameQueue(self._settings.queue_bytes),
            origin_ns=self._known_origin_ns(),
            canvas=_canvas_of(recording),
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
                if not self._only_to_finish():
                    await self._record()
            except* HavenError as group:
                error = _first(group)
                log.warning("recording ended by an error", error=error.error, detail=error.detail)
            reason = self._stop_reason.result() if self._stop_reason.done() else None
            await conclude(self._ledger, self._parts.encoding, reason, error)

    def _only_to_finish(self) -> bool:
        """A worker before was stopping already, or is to stop: its segments wait for the end."""
        row = self._recording
        wanted = row.wanted == "stop" and row.started_at is not None
        return wanted or self._ledger.state is _S.STOPPING

    # -- recording

    async def _record(self) -> None:
        async with self._source() as source, asyncio.TaskGroup() as tasks:
            helpers = [
                tasks.create_task(self._follow_wanted(source)),
                tasks.create_task(self._tick()),
                tasks.create_task(self._report(source)),
            ]
            try:
                await self._until_first_frame()
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

    async def _until_first_frame(self) -> None:
        """Returns when something is recorded; raises with the reason when nothing will be."""
        began = asyncio.create_task(self._capture.began.wait())
        hopeless = asyncio.create_task(self._unsupported())
        waits: set[asyncio.Future[Any]] = {began, hopeless, self._capture.closed, self._stop_reason}
        try:
            await asyncio.wait(
                waits,
                timeout=self._settings.connect_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            began.cancel()
            hopeless.cancel()
        if self._capture.began.is_set():
            return
        if self._stop_reason.done():
            raise StoppedWhileStarting(
                f"Stopped before the first frame of {self._recording.mint_id}.",
                "Nothing was recorded; start it again when you want it.",
            )
        if self._capture.closed.done() and (why := self._capture.closed.result().error):
            raise why
        raise self._capture.why_nothing()

    async def _unsupported(self) -> None:
        """Ends when the only picture has stayed one that can't be received."""
        while True:
            await asyncio.sleep(UNSUPPORTED_WAIT_S)
            if self._capture.unsupported is not None:
                return

    async def _encode(self, source: Source) -> None:
        self._supervisor = Supervisor(
            (await self._new_segments()).begin,
            self._ffmpeg_changed,
            self._ffmpeg_ended,
            max_restarts=self._settings.max_restarts,
        )
        encoding = asyncio.create_task(self._supervisor.run())
        try:
            await self._wait_running(encoding)
            if self._running.is_set():
                await self._ledger.become(_S.RECORDING, started_at=self._began_at())
            await self._until_ended(encoding)
        finally:
            await self._wind_up()
            await self._report_once(source)
        await encoding

    async def _new_segments(self) -> Segments:
        assert self._capture.canvas is not None
        before = await self._catalog.segments(self._recording.id)
        self._segments = Segments(
            recording=self._recording,
            encoding=await self._parts.encoding,
            canvas=self._capture.canvas,
            queue=self._capture.queue,
            runtime=self._parts.runtime,
            catalog=self._catalog,
            before=max((s.number for s in before), default=0),
        )
        return self._segments

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

    async def _wind_up(self) -> None:
        """Give out what is held, then let ffmpeg finish its file."""
        assert self._supervisor is not None
        try:
            if may_follow(self._ledger.state, _S.STOPPING):
                await self._ledger.become(_S.STOPPING)
        finally:
            self._capture.finish()
            await self._supervisor.stop(grace_s=self._settings.shutdown_timeout_s)

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
            idle = self._capture.idle_since
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
                await self._segments.save()
        except Unavailable as error:
            log.warning("figures not written", error=error.error)

    # -- what ffmpeg does

    def _ffmpeg_changed(self, state: ProcessState, why: str) -> None:
        self._ledger.note("ffmpeg", f"{state}: {why}")
        if state is ProcessState.RUNNING:
            self._running.set()

    def _ffmpeg_ended(self, number: int, ending: Ending) -> None:
        self._ledger.note(
            "segment", f"segment {number} {ending.outcome}, exit code {ending.returncode}"
        )

    # -- where zero is

    def _began_at(self) -> datetime:
        """The moment of zero on the wall clock: what a new worker goes on from."""
        origin_ns = self._capture.timeline.origin_ns
        assert origin_ns is not None
        ago = timedelta(microseconds=(time.monotonic_ns() - origin_ns) // 1000)
        return datetime.now(UTC) - ago

    def _known_origin_ns(self) -> int | None:
        """The moment of zero on this machine's monotonic clock, if a worker before fixed it."""
        if self._recording.started_at is None:
            return None
        passed = datetime.now(UTC) - self._recording.started_at
        return time.monotonic_ns() - int(passed.total_seconds() * SECOND_NS)


def _canvas_of(recording: Recording) -> CanvasSize | None:
    """The size an earlier worker fixed: segments of one file have one size."""
    video = recording.figures.get("video") or {}
    width, height = video.get("width"), video.get("height")
    return CanvasSize(width, height) if width and height else None


def _first(group: BaseExceptionGroup[HavenError]) -> HavenError:
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    assert isinstance(inner, HavenError)
    return inner
