"""Finds what is new for the live events, as long as somebody listens: one look for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog
from fastapi.sse import ServerSentEvent

from orchestrator.api import story, views
from orchestrator.api.figures import number
from orchestrator.api.monitoring.hub import REMEMBERED, Client, Hub, frame
from orchestrator.api.monitoring.observer import Observer
from orchestrator.api.monitoring.snapshot import Snapshot
from orchestrator.api.schemas.events import Deleted, Figures, LiveRecording, Name, Present
from orchestrator.api.schemas.machine import Streams
from orchestrator.api.service import Manager
from orchestrator.api.streams import streams_of
from orchestrator.catalog.models import Recording
from orchestrator.errors import HavenError, RecordingNotFound

log = structlog.get_logger(__name__)

LOOK_S: Final = 0.5
"""Between two looks for states and lines: a page shows a change within a second."""

STREAMS_S: Final = 5.0
"""Between two questions for the live streams; directories keep their answers for a while."""

MOST_STREAMS: Final = 100


class Feed:
    """Looks into the catalog for everybody; nothing is looked for while nobody listens."""

    def __init__(self, manager: Manager, observer: Observer) -> None:
        self.hub = Hub()
        self.failures = 0
        self._manager, self._observer = manager, observer
        self._joining = asyncio.Lock()
        """Between a look and the client's place among the others nothing may be published."""
        self._heard = asyncio.Event()
        self._states: dict[str, str] = {}
        self._told: Snapshot | None = None
        self._streams: Streams | None = None
        self._present: tuple[Snapshot, str] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Begins."""
        self._tasks = [
            asyncio.create_task(self._keep(self._look, LOOK_S)),
            asyncio.create_task(self._keep(self._ask_for_streams, STREAMS_S)),
        ]

    async def close(self) -> None:
        """Ends it, and all clients."""
        self.hub.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def joined(self, last_id: str | None) -> AsyncIterator[Client]:
        """A client that begins where it was, or with all that is now."""
        known = int(last_id) if last_id and last_id.isdecimal() and len(last_id) < 19 else None
        async with self._joining:
            await self._publish_news()
            client = Client(await self._first(known))
            self.hub.add(client)
        self._heard.set()
        try:
            yield client
        finally:
            self.hub.remove(client)
            if not self.hub.clients:
                self._heard.clear()

    async def _keep(self, look: Callable[[], Awaitable[None]], period_s: float) -> None:
        while True:
            await self._heard.wait()
            try:
                await look()
            except HavenError as error:
                self.failures += 1
                log.warning("live events are late", error=error.error)
            except Exception:  # a task's boundary: whatever it was, look again in a moment
                self.failures += 1
                log.exception("live events are late")
            await asyncio.sleep(period_s)

    async def _look(self) -> None:
        async with self._joining:
            await self._publish_news()
        snapshot = await self._observer.latest()
        if snapshot is not self._told:
            self._told = snapshot
            self.hub.publish(frame("figures", await asyncio.to_thread(_figures, snapshot)))

    async def _publish_news(self) -> None:
        """Recordings whose state is another than at the last look, then the new lines.

        What can't be read now is published by the next look.
        """
        rows, states = await self._manager.catalog.news(self.hub.newest or 0, REMEMBERED)
        changed = [id for id in self._states | states if self._states.get(id) != states.get(id)]
        told = [await self._recording(id) for id in changed] if self.hub.clients else []
        self._states = states
        lines = [(row.id, story.line(row).model_dump_json()) for row in rows]
        for event in told + self.hub.remember(lines):
            self.hub.publish(event)

    async def _recording(self, id: str) -> ServerSentEvent:
        try:
            row = await self._manager.get(id)
        except RecordingNotFound:
            return frame("deleted", Deleted(id=id).model_dump_json())
        return frame("recording", views.summary(row).model_dump_json())

    async def _first(self, last_id: int | None) -> list[ServerSentEvent]:
        missed = self.hub.missed(last_id)
        name: Name = "reset" if missed is None else "snapshot"
        return [*(missed or []), frame(name, await self._all_now(), self.hub.newest)]

    async def _all_now(self) -> str:
        """Made once for all who come within the same second."""
        snapshot = await self._observer.latest()
        if self._present is None or self._present[0] is not snapshot:
            text = await asyncio.to_thread(_present, snapshot, self._streams)
            self._present = (snapshot, text)
        return self._present[1]

    async def _ask_for_streams(self) -> None:
        try:
            streams = await streams_of(self._manager, MOST_STREAMS)
        except HavenError as error:  # all directories failed
            log.info("no list of streams", error=error.error)
            return
        if streams != self._streams:
            self._streams, self._present = streams, None
            self.hub.publish(frame("streams", streams.model_dump_json()))


def _figures(snapshot: Snapshot) -> str:
    return _of(snapshot).model_dump_json()


def _present(snapshot: Snapshot, streams: Streams | None) -> str:
    recordings = [views.summary(row) for row in snapshot.recordings]
    present = Present(figures=_of(snapshot), recordings=recordings, streams=streams)
    return present.model_dump_json()


def _of(snapshot: Snapshot) -> Figures:
    return Figures(
        at=snapshot.at,
        recordings=[_live(row) for row in snapshot.recordings],
        processes=snapshot.processes,
        system=snapshot.system,
    )


def _live(row: Recording) -> LiveRecording:
    return LiveRecording(
        **views.live_values(row),
        id=row.id,
        mint_id=row.mint_id,
        state=row.state,
        duration_seconds=number(row.figures, "duration_s"),
    )
