"""One recording from its first connection to its final file, in its own worker process.

Read `run`: open the source, wait for the first frame, record until something ends it, finish.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil
import structlog

from orchestrator.catalog.models import Recording
from orchestrator.encoding.process.supervisor import Supervisor
from orchestrator.errors import HavenError, Unavailable
from orchestrator.periodic import Periodic
from orchestrator.recordings import orphans
from orchestrator.recordings.checksums import add_checksums
from orchestrator.recordings.outcome import CONNECTING, is_only_to_finish, stopped_early
from orchestrator.recordings.states import STOPPED, RecordingState, may_follow
from orchestrator.sources.source import Source
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.context import WorkerContext
from orchestrator.worker.control.copy_control import CopyControl
from orchestrator.worker.control.encoding_control import EncodingControl
from orchestrator.worker.control.pause_control import PauseControl
from orchestrator.worker.control.segment_control import SegmentControl
from orchestrator.worker.finishing.finish import conclude
from orchestrator.worker.first_frame import until_first_frame, until_written
from orchestrator.worker.outputs.output_tasks import OutputTasks
from orchestrator.worker.recording_setup import copied_capture, decoded_capture
from orchestrator.worker.room_data.room_data import room_data
from orchestrator.worker.status_report import PERIOD_S, StatusReporter
from orchestrator.worker.task_group import first_error
from orchestrator.worker.time_origin import TimeOrigin
from orchestrator.worker.tracks.capture import Capture
from orchestrator.worker.tracks.undecodable_spans import UndecodableSpans

log = structlog.get_logger(__name__)

TICK_S: Final = 0.1

_S = RecordingState


class Recorder:
    """Runs one recording. `stop` from outside ends it with a proper file."""

    def __init__(self, recording: Recording, context: WorkerContext) -> None:
        self._recording = recording
        self._context = context
        self._settings, self._catalog = context.settings, context.catalog
        self._entry = CatalogEntry(recording, context.catalog)
        self._stop_reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._failure: HavenError | None = None
        self._status = StatusReporter(context.catalog, recording.id, os.getpid(), context.asked_ns)
        self._capture: Capture
        self._control: SegmentControl
        known = recording, self._settings, context.pauses
        if context.copies:
            copied = copied_capture(*known, note=self._entry.note)
            self._capture, self._control = (
                copied,
                CopyControl(context, self._entry, copied, stop=self.stop, fail=self._fail),
            )
        else:
            decoded = decoded_capture(*known, note=self._entry.note)
            self._capture, self._control = (
                decoded,
                EncodingControl(context, self._entry, decoded, stop=self.stop, fail=self._fail),
            )
        self._origin = TimeOrigin(self._entry, self._capture)
        running = self._control.running
        self._pause = PauseControl(self._entry, self._capture, running, context.pauses)
        self._outputs = OutputTasks(self._entry, context, lambda: self._control.segments)
        self._undecodable = UndecodableSpans(self._entry.note)
        self._data = room_data(recording, self._settings, self._entry.note, self._capture.clock)
        self._went_on_s = 0.0
        """Until when it was paused last, on the monotonic clock."""

    def wake(self) -> None:
        """Look now at what is wanted; called by the signal handler."""
        self._entry.look()
        self._outputs.look()

    def stop(self, reason: str) -> None:
        """End the recording; the first reason is kept."""
        if not self._stop_reason.done():
            self._stop_reason.set_result(reason)

    async def run(self) -> None:
        """The whole recording. Any failure ends in the catalog, never in a lost segment."""
        error: HavenError | None = None
        stop, reserve = partial(self.stop, STOPPED), self._control.speed.reserve
        want = self._pause.want
        async with self._entry.opened(on_stop=stop, on_reserved=reserve, on_pause=want):
            orphaned = asyncio.create_task(orphans.wait_until_ended(await self._orphans()))
            try:
                if not is_only_to_finish(self._recording):
                    async with self._outputs.running():
                        await self._record()
            except* HavenError as group:
                error = first_error(group)
                log.warning("recording ended by an error", error=error.error, detail=error.detail)
            reason = self._stop_reason.result() if self._stop_reason.done() else None
            await orphaned
            if is_only_to_finish(self._recording):
                await self._outputs.finish_left()
            await self._save_segments()
            await self._pause.end()
            await conclude(self._entry, self._context.encoding, reason, self._failure or error)
            await self._outputs.end_left()
        await add_checksums(self._catalog, self._recording.id)

    async def _orphans(self) -> list[psutil.Process]:
        """Looked for before an ffmpeg of our own runs; a first worker has none."""
        if self._recording.worker_starts <= 1:
            return []
        work = Path(self._recording.work_directory)
        return await asyncio.to_thread(orphans.writing_into, work)

    # -- recording

    async def _record(self) -> None:
        async with (
            self._data.writing(),
            self._source() as source,
            asyncio.TaskGroup() as tasks,
        ):
            report = partial(self._report_once, source)
            helpers = [
                tasks.create_task(self._follow_wanted(source)),
                tasks.create_task(
                    Periodic(self._tick, TICK_S, failure=None, at_once=False, together=True).run()
                ),
                tasks.create_task(Periodic(report, PERIOD_S, failure=None, together=True).run()),
                tasks.create_task(self._follow_keyframes(source)),
                tasks.create_task(self._pause.run()),
            ]
            try:
                timeout_s = self._context.first_frame_s
                deadline_s = time.monotonic() + timeout_s
                await until_first_frame(
                    self._recording, self._capture, self._stop_reason, timeout_s
                )
                await self._encode(source, deadline_s)
            finally:
                for helper in helpers:
                    helper.cancel()

    @asynccontextmanager
    async def _source(self) -> AsyncIterator[Source]:
        self._entry.note(CONNECTING, "The recording's process is there, and connects.")
        source = await self._context.connect(self._data.beside(self._capture.on_event))
        try:
            await self._open(source)
            self._entry.note("joined", "Connected to the stream.")
            yield source
        finally:
            await source.close()

    async def _open(self, source: Source) -> None:
        """A publisher that is waited for doesn't hold up a stop."""
        opening = asyncio.create_task(source.open())
        try:
            waits: set[asyncio.Future[Any]] = {opening, self._stop_reason}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                raise stopped_early(self._recording.stream_id)
        finally:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        opening.result()

    async def _encode(self, source: Source, deadline_s: float) -> None:
        supervisor = await self._control.prepare()
        ffmpeg = asyncio.create_task(supervisor.run())
        try:
            await self._wait_running(ffmpeg, deadline_s)
            if self._control.running.is_set():
                await self._origin.begin()
            control = self._control.start()
            try:
                await self._until_ended(ffmpeg)
            finally:
                control.cancel()
        finally:
            await self._wind_up(source, supervisor)
            await self._report_once(source)
            self._undecodable.end()
        await ffmpeg

    async def _wait_running(self, ffmpeg: asyncio.Task[None], deadline_s: float) -> None:
        running = asyncio.create_task(self._control.running.wait())
        ends: set[asyncio.Future[Any]] = {running, ffmpeg, self._stop_reason}
        try:
            await until_written(self._recording, self._capture, ends, deadline_s)
        finally:
            running.cancel()

    async def _until_ended(self, ffmpeg: asyncio.Task[None]) -> None:
        ended: set[asyncio.Future[Any]] = {ffmpeg, self._capture.closed, self._stop_reason}
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        if self._capture.closed.done():
            closed = self._capture.closed.result()
            self.stop(closed.error.error if closed.error else closed.reason)

    async def _wind_up(self, source: Source, supervisor: Supervisor) -> None:
        """Take the frames that have come, release what is held, let ffmpeg finish its file."""
        try:
            if may_follow(self._entry.state, _S.STOPPING):
                await self._entry.change_state(_S.STOPPING)
            await source.flush()
        finally:
            self._capture.finish()
            await supervisor.stop()

    # -- background

    async def _follow_wanted(self, source: Source) -> None:
        """Subscribe to the selected tracks; keep the state `reconnecting` true."""
        while True:
            await self._capture.wanted_changed.wait()
            self._capture.wanted_changed.clear()
            await source.subscribe(self._capture.wanted)
            if self._entry.state in (_S.RECORDING, _S.RECONNECTING):
                connected = self._capture.connected
                await self._entry.change_state(_S.RECORDING if connected else _S.RECONNECTING)

    async def _follow_keyframes(self, source: Source) -> None:
        """Ask for keyframes when a file begins or is to end with them."""
        while True:
            await self._capture.keyframes_wanted.wait()
            self._capture.keyframes_wanted.clear()
            for sid in self._capture.videos:
                await source.request_keyframe(sid)

    def _tick(self) -> None:
        self._capture.tick()
        self._pause.look()
        self._control.tick()
        idle = self._capture.selection.idle_since
        grace = self._settings.unpublished_timeout_s
        if self._capture.paused is not None:
            self._went_on_s = time.monotonic()  # who paused may let everybody leave
        if (
            (self._capture.began.is_set() or self._recording.started_at is not None)
            and idle
            and time.monotonic() - max(idle, self._went_on_s) > grace
        ):
            self.stop(f"nothing was published for {grace:g} s")

    async def _report_once(self, source: Source) -> None:
        try:
            segments = self._control.segments
            self._capture.look()
            left_out = source.statistics().frames_undecodable
            self._undecodable.look(left_out, segments.end_s if segments else 0.0)
            await self._status.report(self._capture, source, segments, self._control.supervisor)
            await self._origin.follow()
            if segments is not None:
                await segments.save_all()
        except Unavailable as error:
            log.warning("status report not written", error=error.error)

    async def _save_segments(self) -> None:
        """Segments that the catalog was too busy to list belong in the file, too."""
        if (segments := self._control.segments) is not None:
            await self._entry.with_retries("the segments", segments.save_all)

    def _fail(self, error: HavenError) -> None:
        self._failure = self._failure or error
        self.stop(error.error)
