"""Starts a recording: the steps of a request, in one direction.

::

    StartRequest ─ check ─▶ CheckedRequest ─ resolve ─▶ ResolvedRequest
      ─ prepare ─▶ PreparedRequest ─ admit ─▶ Recording (its row) ─ launch ─▶ frames

Each step is done once, and needs nothing but what the one before gives. What is asked for is
checked by `request_check`, the row is made by `new_recording`, the worker is started by
`recording_workers`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.discovery.configured import NAME
from orchestrator.discovery.directory import Directory
from orchestrator.errors import (
    AlreadyActive,
    EverybodyMuted,
    HavenError,
    NoMedia,
    NotLive,
    StreamNotFound,
)
from orchestrator.media import Stream
from orchestrator.recordings.catalog_polling import poll_until, until_connecting
from orchestrator.recordings.encryption.request_secrets import sealed_webhooks
from orchestrator.recordings.encryption.stream_keys import sealed
from orchestrator.recordings.formats import extension_of
from orchestrator.recordings.notes import notes_of
from orchestrator.recordings.outcome import (
    failure_of,
    has_begun,
    start_failure,
    stopped_early,
    worker_missing,
)
from orchestrator.recordings.start_request import StartedBy, StartRequest
from orchestrator.recordings.states import RecordingState
from orchestrator.server.deletion import delete_recording
from orchestrator.server.encoders import Encoders
from orchestrator.server.new_recording import PreparedRequest, admit
from orchestrator.server.output_folders import OutputFolders
from orchestrator.server.outputs.rows import output_rows
from orchestrator.server.recording_workers import RecordingWorkers
from orchestrator.server.request_check import CheckedRequest, RequestCheck
from orchestrator.server.throttle import StartThrottle
from orchestrator.server.watchdog import Watchdog
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)

PUBLISHER_S: Final = 30.0
"""Longest that a start waits for the first keyframe of a publisher who sends to us: more than its
worker does (worker.process)."""

WORKER_S: Final = 30.0
"""Longest that a start which nobody's HTTP request waits for gives its worker until it connects: a
busy machine takes 13 s. `start_timeout_s` begins then."""


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """A checked request whose stream is live, and wasn't being recorded."""

    checked: CheckedRequest
    stream: Stream


class RecordingStart:
    """What `start` needs of the server's parts."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        directory: Directory,
        requests: RequestCheck,
        *,
        encoders: Encoders,
        folders: OutputFolders,
        workers: RecordingWorkers,
        watchdog: Watchdog,
        on_created: Callable[[str], None],
        answers: bool,
    ) -> None:
        """`on_created` is called with the id of each new recording.

        `answers`: whether requests have to be answered within `start_timeout_s`, as HTTP's have.
        """
        self._settings, self._catalog, self._directory = settings, catalog, directory
        self._requests, self._encoders, self._folders = requests, encoders, folders
        self._workers, self._watchdog = workers, watchdog
        self._on_created, self._answers = on_created, answers
        self._throttle = StartThrottle()

    async def start(self, request: StartRequest) -> Recording:
        """Returns when frames are being recorded; raises a HavenError that says why not."""
        timeout_s = self._timeout_s(request.stream_id)
        deadline = time.monotonic() + timeout_s
        resolved = await self._resolve(await self._requests.check(request))
        async with self._throttle.slot(request.stream_id, deadline):
            prepared = await self._prepare(resolved)
            recording = await admit(self._catalog, prepared, self._settings.max_recordings or None)
            self._on_created(recording.id)
            await self._launch(recording)
            await self._log_notes(recording)
            if not self._answers or recording.started_by == StartedBy.WATCH:
                await self._until_connecting(recording)
                deadline = time.monotonic() + timeout_s
            return await self._wait_for_frames(recording, deadline, timeout_s)

    def _timeout_s(self, stream_id: str) -> float:
        """A publisher who ignores requests for keyframes (WHIP), or can't be asked for one (an
        address that ffmpeg reads), is waited for longer.
        """
        defined = self._directory.named.definition(stream_id)
        deaf = defined is not None and (defined.whip or defined.url) is not None
        return max(self._settings.start_timeout_s, PUBLISHER_S if deaf else 0.0)

    async def _resolve(self, checked: CheckedRequest) -> ResolvedRequest:
        if await self._catalog.active_of(checked.stream_id):
            raise AlreadyActive(checked.stream_id)
        return ResolvedRequest(checked, await self._directory.find(checked.stream_id))

    async def _prepare(self, resolved: ResolvedRequest) -> PreparedRequest:
        """Looks for video and at the CPU, and reserves the file name."""
        checked, pipeline, now = resolved.checked, resolved.checked.pipeline, datetime.now(UTC)
        capacity, stream = await asyncio.gather(
            self._encoders.capacity(pipeline), self._directory.with_video_known(resolved.stream)
        )
        keys = await sealed(self._catalog, checked.e2ee)
        hooks = await sealed_webhooks(self._catalog, checked.webhooks)
        outputs = await output_rows(self._catalog, self._settings, checked.outputs, now)
        extension = extension_of(pipeline, self._settings.av1_extension)
        place = await self._folders.place(checked.folder, stream, now, extension, checked.file_name)
        return PreparedRequest(
            *(checked, stream, capacity, place, now, keys), outputs=outputs, webhooks=hooks
        )

    async def _log_notes(self, recording: Recording) -> None:
        for note in notes_of(recording):
            log.info("recorded otherwise than asked for", recording=recording.id, note=note)
            try:
                await self._catalog.add_event(recording.id, "copied", note)
            except HavenError as error:
                log.warning("event not written", recording=recording.id, error=error.error)

    async def _launch(self, recording: Recording) -> None:
        # Shielded: a row without a worker would wait until the watchdog notices it.
        await asyncio.shield(asyncio.ensure_future(self._workers.launch(recording)))

    async def _wait_for_frames(
        self, recording: Recording, deadline: float, timeout_s: float
    ) -> Recording:
        left_s = max(deadline - time.monotonic(), 0.0)
        row = await poll_until(self._catalog, recording.id, has_begun, left_s)
        if row is None:
            await self._give_up(recording, await start_failure(self._catalog, recording, timeout_s))
        if row.state == RecordingState.ABORTED:
            raise stopped_early(row.stream_id)
        if row.state == RecordingState.FAILED:
            error = failure_of(row)
            if row.started_by != StartedBy.USER and isinstance(error, EverybodyMuted):
                # The watch waits for the unmute: nothing has failed.
                await delete_recording(self._catalog, row.id)
            elif row.started_by != StartedBy.USER and _was_not_live(row, error):
                await delete_recording(self._catalog, row.id)
                raise StreamNotFound(row.stream_id, str(error)) from error
            raise error
        return row

    async def _until_connecting(self, recording: Recording) -> None:
        if not await until_connecting(self._catalog, recording.id, WORKER_S):
            await self._give_up(recording, worker_missing(recording.stream_id, WORKER_S))

    async def _give_up(self, recording: Recording, error: HavenError) -> NoReturn:
        await self._watchdog.want_stop(recording, error)
        raise error


def _was_not_live(row: Recording, error: HavenError) -> bool:
    """Whether a stream wasn't live after all: some servers know that only when media should come.

    A platform's directory knows it before, so there it is a failure.
    """
    named = row.stream["discovery"] == NAME
    return named and isinstance(error, (NotLive, NoMedia))
