"""A recording's entry in the catalog, kept by its worker: row, state and event log.

A busy catalog must not end a recording: what can't be written or read now is logged and tried again
a second later. Only the recording's end must be written before the worker exits.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    RetryError,
    retry_if_exception_type,
    stop_after_attempt,
    wait_fixed,
)

from orchestrator.catalog.models import Recording
from orchestrator.catalog.recording_table import Wanted
from orchestrator.catalog.store import Catalog
from orchestrator.errors import Unavailable
from orchestrator.recordings.states import RecordingState, may_follow
from orchestrator.stop_policy import STOP

log = structlog.get_logger(__name__)

LOOK_S: Final = STOP.notice_s
"""Seconds between two looks at what is wanted, unless a signal says to look now."""

_ATTEMPTS: Final = 30
"""Attempts at a write that has to succeed, a second apart."""

_T = TypeVar("_T")

_NOTES: Final = 1000
"""Lines of the event log that may wait for the catalog."""


class CatalogEntry:
    """The recording's row, state and event log, from its worker's side."""

    def __init__(self, recording: Recording, catalog: Catalog) -> None:
        self.recording, self.catalog = recording, catalog
        self.state = RecordingState(recording.state)
        self.recorded = recording.started_at is not None
        """Whether frames were ever recorded."""
        self._takes_over = recording.worker_starts > 1
        self.files_lock = asyncio.Lock()
        """Held while final files are made."""
        self.postponed_parts: set[int] = set()
        """Numbers of parts whose files are made at the end."""
        self._look_now = asyncio.Event()
        self._notes: asyncio.Queue[tuple[str, str, dict[str, Any]]] = asyncio.Queue(_NOTES)

    @asynccontextmanager
    async def opened(
        self,
        on_stop: Callable[[], None],
        on_reserved: Callable[[int | None], None],
        on_pause: Callable[[str | None], None],
    ) -> AsyncIterator[None]:
        """While open, notes are written, and the row is looked at.

        `on_stop` is called when a stop is wanted, `on_reserved` with the speed step that CPU is
        reserved for, which starts of other recordings change, `on_pause` with how it is to pause,
        or None.
        """
        tasks = [
            asyncio.create_task(self._write_notes()),
            asyncio.create_task(self._follow(on_stop, on_reserved, on_pause)),
        ]
        try:
            yield
        finally:
            with contextlib.suppress(TimeoutError):  # the event log may lack its end
                async with asyncio.timeout(STOP.notes_s):
                    await self._notes.join()
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    log.error("a background task failed", error=repr(outcome))

    def look(self) -> None:
        """Look now at what is wanted; the signal handler calls this."""
        self._look_now.set()

    async def change_state(self, state: RecordingState, **columns: Any) -> None:
        """Change the state and other columns in one write; refuses what TRANSITIONS lacks."""
        if state is self.state:
            return
        if not may_follow(self.state, state):
            log.error("invalid state change ignored", now=self.state, new=state)
            return
        log.info("recording", change=f"{self.state} -> {state}")
        change = {"from": self.state.value, "to": state.value}
        if self._takes_over and self.state is RecordingState.RECONNECTING:
            change["cause"] = "worker"  # of what ends here: the worker before this one died
        self._takes_over = False
        self.note("state", f"{self.state} -> {state}", **change)
        self.state = state
        self.recorded |= state is RecordingState.RECORDING
        await self.with_retries(
            f"the state {state}",
            lambda: self.catalog.update(self.recording.id, state=state.value, **columns),
        )

    async def with_retries(self, subject: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """The result of `call`, retried while the catalog is busy; Unavailable after half a minute.

        `subject`: what is written or read, for logs and the error.
        """

        async def once() -> _T:  # tenacity awaits only what an async function returns
            return await call()

        def busy(tried: RetryCallState) -> None:
            error = tried.outcome and tried.outcome.exception()
            attempt = tried.attempt_number
            log.warning("catalog is busy", subject=subject, attempt=attempt, error=str(error))

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_fixed(LOOK_S),
            before_sleep=busy,
        )
        try:
            return await retrying(once)
        except RetryError as last:
            raise Unavailable(
                f"The catalog stayed busy: {subject} of {self.recording.stream_id} could not be"
                " written or read.",
                "Check the disk that holds the catalog; the next worker finishes the recording.",
            ) from last

    async def event(self, kind: str, message: str, **data: Any) -> None:
        """One line of the event log, written before this returns."""
        await self.catalog.add_event(self.recording.id, kind, message, **data)

    def note(self, kind: str, message: str, **data: Any) -> None:
        """One line of the event log, written soon; never waits. `data`: the same for programs."""
        try:
            self._notes.put_nowait((kind, message, data))
        except asyncio.QueueFull:
            log.warning("event log queue is full; line dropped", kind=kind, message=message)

    async def _write_notes(self) -> None:
        while True:
            kind, message, data = await self._notes.get()
            try:
                await self.event(kind, message, **data)
            except Exception:  # a task's boundary: one bad line must not cost the others
                log.exception("event log line not written", kind=kind, message=message)
            finally:
                self._notes.task_done()

    async def _follow(
        self,
        on_stop: Callable[[], None],
        on_reserved: Callable[[int | None], None],
        on_pause: Callable[[str | None], None],
    ) -> None:
        while True:
            self._look_now.clear()
            if (wanted := await self._wanted()) is not None:
                on_reserved(wanted.speed_step)
                on_pause(wanted.pause)
                if wanted.state == "stop":
                    on_stop()
            with contextlib.suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it can swallow a cancellation (python/cpython#86296).
                async with asyncio.timeout(LOOK_S):
                    await self._look_now.wait()

    async def _wanted(self) -> Wanted | None:
        try:
            return await self.catalog.wanted(self.recording.id)
        except Unavailable as error:
            log.warning("can't read the stop request from the catalog", error=error.error)
            return None
