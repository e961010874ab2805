"""What a recorder writes into the catalog about its recording, and what it reads there.

A catalog that is busy must not end a recording: what can't be written or read now is logged, and
written or read again a second later. Only the end has to be written for good.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.errors import Unavailable
from orchestrator.recordings.states import RecordingState, may_follow

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
"""How often it is looked up what is wanted, if no signal says to look now."""

_TELL_S: Final = 15.0
"""How long the story's last lines may take."""

_ATTEMPTS: Final = 30
"""How often what has to be written is tried, a second apart, before it is given up."""

_T = TypeVar("_T")

_NOTES: Final = 1000
"""Lines of the story that may wait for the catalog."""


class Ledger:
    """The recording's row, state and story, from its worker's side."""

    def __init__(self, recording: Recording, catalog: Catalog) -> None:
        self.recording, self.catalog = recording, catalog
        self.state = RecordingState(recording.state)
        self.making = asyncio.Lock()
        """Held by whoever makes final files."""
        self.put_off: set[int] = set()
        """Parts whose files are made at the end."""
        self._look = asyncio.Event()
        self._notes: asyncio.Queue[tuple[str, str, dict[str, Any]]] = asyncio.Queue(_NOTES)

    @asynccontextmanager
    async def kept(self, on_stop: Callable[[], None]) -> AsyncIterator[None]:
        """While open, notes are written down, and `on_stop` is called when an end is wanted.

        The recording's `speed_step` is then the one that there is room for now.
        """
        tasks = [asyncio.create_task(self._tell()), asyncio.create_task(self._watch(on_stop))]
        try:
            yield
        finally:
            with contextlib.suppress(TimeoutError):  # the story may lack its end, the file not
                async with asyncio.timeout(_TELL_S):
                    await self._notes.join()
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    log.error("a background task failed", error=repr(outcome))

    def look(self) -> None:
        """Look now at what is wanted; called by the signal handler."""
        self._look.set()

    async def become(self, state: RecordingState, **columns: Any) -> None:
        """Change the state and other columns in one step; what TRANSITIONS lacks is refused."""
        if state is self.state:
            return
        if not may_follow(self.state, state):
            log.error("refused change of state", now=self.state, new=state)
            return
        log.info("recording", change=f"{self.state} -> {state}")
        change = {"from": self.state.value, "to": state.value}
        self.note("state", f"{self.state} -> {state}", **change)
        self.state = state
        await self.surely(
            f"the state {state}",
            lambda: self.catalog.update(self.recording.id, state=state.value, **columns),
        )

    async def surely(self, what: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """What the catalog answers, tried again while it is busy; Unavailable after half a minute.

        `what` is to be written or read.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return await call()
            except Unavailable as error:
                log.warning("catalog is busy", wanted=what, attempt=attempt, error=error.error)
                await asyncio.sleep(LOOK_S)
        raise Unavailable(
            f"The catalog didn't take {what} of {self.recording.mint_id}.",
            "Check the disk it lies on; the next worker finishes the recording.",
        )

    async def event(self, kind: str, message: str, **data: Any) -> None:
        """One line of the story, written before this returns."""
        await self.catalog.add_event(self.recording.id, kind, message, **data)

    def note(self, kind: str, message: str, **data: Any) -> None:
        """One line of the story, written soon; never waits. `data`: the same for programs."""
        try:
            self._notes.put_nowait((kind, message, data))
        except asyncio.QueueFull:
            log.warning("story is full; left out", kind=kind, message=message)

    async def _tell(self) -> None:
        while True:
            kind, message, data = await self._notes.get()
            try:
                await self.event(kind, message, **data)
            except Exception:  # a task's boundary: one line less must not cost the others
                log.exception("left out of the story", kind=kind, message=message)
            finally:
                self._notes.task_done()

    async def _watch(self, on_stop: Callable[[], None]) -> None:
        while True:
            self._look.clear()
            if await self._wanted() == "stop":
                on_stop()
            with contextlib.suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it can swallow a cancellation (python/cpython#86296).
                async with asyncio.timeout(LOOK_S):
                    await self._look.wait()

    async def _wanted(self) -> str | None:
        try:
            wanted, self.recording.speed_step = await self.catalog.wanted(self.recording.id)
        except Unavailable as error:
            log.warning("can't read what is wanted", error=error.error)
            return None
        return wanted
