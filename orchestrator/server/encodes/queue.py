"""The queue: one encode at a time, oldest first, in a process of its own that outlives the server.

::

    queued ─ claim ─▶ running ─ its process ─▶ completed, failed, cancelled, or paused

A look twice a second finds what is due: recordings whose /start asked for an encode, processes that
have died, a pause, the next encode. The rows are all that is kept: a server that was killed leaves
its process to the next one, which finds it there; a process that died is started again.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

import structlog

from orchestrator.catalog.encode_model import Encode
from orchestrator.catalog.encodes import Encodes
from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.errors import AlreadyEncoding, HavenError, Unavailable, WorkerFailed
from orchestrator.monitor.usage import boot_id
from orchestrator.periodic import Periodic
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.encodes.states import FINAL, EncodeState
from orchestrator.server.encoders import Encoders
from orchestrator.server.encodes.power import PauseReason, PauseSwitch
from orchestrator.server.encodes.processes import STOP_S, EncodeProcesses, last_words
from orchestrator.server.encodes.request import check_files, check_options, new_encode
from orchestrator.settings import Settings
from orchestrator.transcoding.process.encode import error_columns
from orchestrator.transcoding.process.encoded_file import ended_in_words
from orchestrator.transcoding.process.job import remove_log
from orchestrator.transcoding.process.outputs import remove_made

log = structlog.get_logger(__name__)

LOOK_S: Final = 0.5
LAUNCH_S: Final = 30.0
"""A process has written itself into its row after this time, or it never will."""
MOST_DEATHS: Final = 3
"""An encode fails when more of its processes than this die."""
_NO_WORDS: Final = "It wrote nothing: something killed it, perhaps for lack of memory."

CANCEL_S: Final = 20.0
"""How long DELETE waits for the end."""


class EncodeQueue:
    """Adds, lists and cancels encodes; carries them out from `open` to `close`."""

    def __init__(self, settings: Settings, catalog: Catalog, encoders: Encoders) -> None:
        self._settings, self._catalog, self._encoders = settings, catalog, encoders
        self._table = Encodes(catalog)
        self._processes = EncodeProcesses(settings, self._table)
        self._pause = PauseSwitch(settings, self._table)
        self._stopping: dict[tuple[str, int], float] = {}
        """When the process of an encode was told to stop, on the monotonic clock."""
        self._nameless: dict[tuple[str, int], float] = {}
        """Since when an encode runs without a process in its row."""
        self._looking = Periodic(
            self._look, LOOK_S, failure="the queue of encodes can't go on; trying again"
        )
        self._is_open = False

    @property
    def pause_reason(self) -> PauseReason | None:
        """Why nothing is encoded now; None while the queue runs."""
        return self._pause.reason

    def open(self) -> None:
        """Begin."""
        self._is_open = True
        self._looking.open()

    async def stop(self) -> None:
        """Tell what runs to end; the next server goes on with it, from its finished chunks."""
        await self._looking.close()
        if self._is_open:
            for row in await self._running_or_none():
                self._processes.end(row)

    async def close(self) -> None:
        """The same, and wait until it has ended."""
        await self.stop()
        if self._is_open:
            self._is_open = False
            await self._processes.close(await self._running_or_none())

    # -- what can be asked for

    async def add(self, recording_id: str, options: EncodeOptions) -> Encode:
        """Queues all files of a finished recording.

        Raises what `check_options` and `check_files` do, AlreadyEncoding and TooManyEncodes.
        """
        await self._catalog.get(recording_id)
        pipeline = await check_options(options, self._encoders, self._settings)
        await check_files(self._catalog, recording_id, options, pipeline, self._settings)
        encode = new_encode(recording_id, options)
        await self._table.add(encode)
        return encode

    async def get(self, encode_id: str) -> Encode:
        """One encode, or EncodeNotFound."""
        return await self._table.get(encode_id)

    async def active(self) -> list[Encode]:
        """The queue, in its order."""
        return await self._table.active()

    async def page(
        self, *, limit: int, offset: int, state: str | None = None, recording_id: str | None = None
    ) -> tuple[list[Encode], int]:
        """Newest first, and how many there are."""
        return await self._table.page(
            limit=limit, offset=offset, state=state, recording_id=recording_id
        )

    async def counts(self) -> dict[str, int]:
        """How many there are in each state."""
        return await self._table.counts()

    async def cancel(self, encode_id: str) -> Encode:
        """Cancels it, and returns it when it has ended; one that has ended stays as it is.

        Unavailable if it takes longer than CANCEL_S seconds: it goes on ending.
        """
        if not await self._table.cancel(encode_id):
            await self._stop_now(encode_id)
        deadline = time.monotonic() + CANCEL_S
        while (row := await self._table.get(encode_id)).state not in FINAL:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Encode {encode_id} hasn't ended after {CANCEL_S:g} s.",
                    "It is being cancelled; GET /api/encodes/{id} says when it has ended.",
                )
            await asyncio.sleep(LOOK_S / 5)
        return row

    async def pause(self, *, paused: bool) -> PauseReason | None:
        """Pauses or resumes the queue, for servers to come, too; why it is paused then."""
        await self._table.pause(paused=paused)
        await self._pause.look()
        return self.pause_reason

    async def _stop_now(self, encode_id: str) -> None:
        row = await self._table.get(encode_id)
        if row.state == EncodeState.RUNNING and row.wanted == "cancel":
            await self._stop(row)

    # -- what is done

    async def _look(self) -> None:
        self._processes.reap()
        await self._pause.look()
        running = await self._running()
        for row in running:
            await self._look_after(row)
        if not running:
            await self._start_next()
        await self._add_due()

    async def _running_or_none(self) -> list[Encode]:
        try:
            return await self._running()
        except HavenError as error:
            log.error("can't look for the encode that runs", error=error.error)
            return []

    async def _running(self) -> list[Encode]:
        return [row for row in await self._table.active() if row.state == EncodeState.RUNNING]

    async def _add_due(self) -> None:
        """Queues what /start asked for, once its recording is completed."""
        for recording in await self._table.to_add():
            try:
                await self._add_of(recording)
            except AlreadyEncoding as error:
                log.warning("not encoded again", recording=recording.id, error=error.error)
                await self._table.give_up(recording.id)
                message = f"Not encoded again: {error.error}"
                await self._catalog.add_event(recording.id, "encode", message)

    async def _add_of(self, recording: Recording) -> None:
        options = EncodeOptions.from_dict(recording.encode or {})
        encode = new_encode(recording.id, options)
        if await self._table.add_of_recording(encode):
            message = f"Queued to be encoded again with {options.pipeline}."
            await self._catalog.add_event(recording.id, "encode", message, encode_id=encode.id)

    async def _start_next(self) -> None:
        """The next one; those to be cancelled are started to clean up, also during a pause."""
        active = await self._table.active()
        cancelled = [row for row in active if row.wanted == "cancel"]
        due = cancelled or ([] if self.pause_reason else active)
        if due:
            await self._processes.start(due[0])

    async def _look_after(self, row: Encode) -> None:
        alive, key = self._processes.alive(row), (row.id, row.starts)
        if alive:
            if self.pause_reason or row.wanted == "cancel":
                await self._stop(row)
            return
        if alive is None and not self._waited(key):
            return
        fresh = await self._table.get(row.id)
        if fresh.state == EncodeState.RUNNING and fresh.starts == row.starts:
            if alive is None and fresh.worker_pid is not None:
                return
            await self._died(fresh)

    def _waited(self, key: tuple[str, int]) -> bool:
        if key not in self._nameless:
            self._nameless = {key: time.monotonic()}
        return time.monotonic() - self._nameless[key] > LAUNCH_S

    async def _stop(self, row: Encode) -> None:
        """SIGTERM, and SIGKILL if that isn't enough."""
        key, now = (row.id, row.starts), time.monotonic()
        if key not in self._stopping:
            if self._processes.end(row):
                self._stopping = {key: now}
        elif now - self._stopping[key] > STOP_S:
            await self._processes.kill(row)

    async def _died(self, row: Encode) -> None:
        """Starts it again with the next look, unless that was too often."""
        asked = (row.id, row.starts) in self._stopping
        power_cut = row.worker_boot is not None and row.worker_boot != boot_id()
        deaths = row.deaths if asked or power_cut else row.deaths + 1
        if deaths > MOST_DEATHS:
            await self._give_up(row, deaths)
            return
        log.warning("the process of an encode died; starting it again", encode=row.id)
        state = EncodeState.PAUSED.value
        await self._table.change(row.id, starts=row.starts, deaths=deaths, state=state)

    async def _give_up(self, row: Encode, deaths: int) -> None:
        words = await asyncio.to_thread(last_words, row.id)
        error = WorkerFailed(
            f"The process that encodes recording {row.recording_id} died {deaths} times.",
            f"The recording is kept. {words or _NO_WORDS}",
        )
        log.error("encode failed", encode=row.id, error=error.error)
        result = await asyncio.to_thread(remove_made, row.outputs, row.result)
        await asyncio.to_thread(remove_log, row.id)
        cancelled = row.wanted == "cancel"
        state = EncodeState.CANCELLED if cancelled else EncodeState.FAILED
        pipeline = EncodeOptions.from_dict(row.request).pipeline
        message = ended_in_words(state, pipeline, (), None if cancelled else error)
        data = {"encode_id": row.id, "state": state.value}
        await self._catalog.add_event(row.recording_id, "encoded", message, **data)
        await self._table.change(
            row.id,
            starts=row.starts,
            deaths=deaths,
            progress=None,
            result=result,
            state=state.value,
            ended_at=datetime.now(UTC),
            **({} if cancelled else error_columns(error)),
        )
