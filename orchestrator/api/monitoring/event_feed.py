"""Finds changes for the live events while there are clients; one query serves all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import structlog
from fastapi.sse import ServerSentEvent

from orchestrator.api.manager_protocol import Manager
from orchestrator.api.monitoring.encode_changes import EncodeChanges
from orchestrator.api.monitoring.event_hub import REMEMBERED, Client, EventHub, frame
from orchestrator.api.monitoring.observer import Observer
from orchestrator.api.monitoring.output_changes import OutputChanges
from orchestrator.api.monitoring.snapshot import Snapshot
from orchestrator.api.schemas.events import Deleted, Figures, LiveRecording, Name, Present
from orchestrator.api.schemas.streams import Streams
from orchestrator.api.serializers import encodes as serialize_encodes
from orchestrator.api.serializers import event_log
from orchestrator.api.serializers import outputs as serialize_outputs
from orchestrator.api.serializers import recordings as serialize
from orchestrator.api.stream_list import streams_of
from orchestrator.catalog.models import Recording
from orchestrator.errors import HavenError, RecordingNotFound
from orchestrator.periodic import Periodic
from orchestrator.recordings.figures import LiveFigures

log = structlog.get_logger(__name__)

POLL_S: Final = 0.5
"""Interval between queries for states and events: a page shows a change within a second."""

STREAMS_S: Final = 5.0
"""Interval between queries for live streams; directories cache their lists."""

MOST_STREAMS: Final = 100


class EventFeed:
    """Polls the catalog for all clients; it does not while there are none."""

    def __init__(self, manager: Manager, observer: Observer) -> None:
        self.hub = EventHub()
        self._manager, self._observer = manager, observer
        self._joining = asyncio.Lock()
        """Held while a client gets its first events and joins: nothing may be published in
        between."""
        self._has_clients = asyncio.Event()
        self._states: dict[str, str] = {}
        self._encodes = EncodeChanges(manager.encodes)
        self._outputs = OutputChanges(manager.outputs)
        self._published: Snapshot | None = None
        self._streams: Streams | None = None
        self._streams_version = manager.streams.version
        self._present: tuple[Snapshot, str] | None = None
        delayed = "live events are delayed; trying again"
        self._polling = (
            Periodic(partial(self._poll, self._publish_changes), POLL_S, failure=delayed),
            Periodic(partial(self._poll, self._publish_streams), STREAMS_S, failure=delayed),
        )

    @property
    def failures(self) -> int:
        """Polls that failed."""
        return sum(each.failures for each in self._polling)

    async def open(self) -> None:
        """Starts polling."""
        for each in self._polling:
            each.open()

    async def close(self) -> None:
        """Stops polling and disconnects all clients."""
        self.hub.close()
        for each in self._polling:
            await each.close()

    @asynccontextmanager
    async def joined(
        self, last_id: str | None, who: str = "", session: str | None = None
    ) -> AsyncIterator[Client]:
        """A client that continues after `last_id`, or starts with the current state."""
        known = int(last_id) if last_id and last_id.isdecimal() and len(last_id) < 19 else None
        async with self._joining:
            await self._publish_events()
            client = Client(await self._first(known), who, session)
            self.hub.add(client)
        self._has_clients.set()
        try:
            yield client
        finally:
            self.hub.remove(client)
            if not self.hub.clients:
                self._has_clients.clear()

    async def _poll(self, publish: Callable[[], Awaitable[None]]) -> None:
        await self._has_clients.wait()
        await publish()

    async def _publish_changes(self) -> None:
        async with self._joining:
            await self._publish_events()
            await self._publish_parts()
        snapshot = await self._observer.latest()
        if self._manager.streams.version != self._streams_version:
            await self._publish_streams()
        if snapshot is not self._published:
            self._published = snapshot
            self.hub.publish(frame("figures", await asyncio.to_thread(_figures, snapshot)))

    async def _publish_events(self) -> None:
        """Publishes recordings whose state has changed, then the new events.

        What can't be read now is published by the next poll.
        """
        rows, states = await self._manager.catalog.events_after(self.hub.newest or 0, REMEMBERED)
        changed = [id for id in self._states | states if self._states.get(id) != states.get(id)]
        recordings = [await self._recording(id) for id in changed] if self.hub.clients else []
        self._states = states
        lines = [(row.id, event_log.line(row).model_dump_json()) for row in rows]
        for event in recordings + self.hub.remember(lines):
            self.hub.publish(event)

    async def _publish_parts(self) -> None:
        """What has changed of encodes and outputs."""
        for event in [*await self._encodes.look(), *await self._outputs.look()]:
            self._present = None
            self.hub.publish(event)

    async def _recording(self, id: str) -> ServerSentEvent:
        try:
            row = await self._manager.get(id)
        except RecordingNotFound:
            return frame("deleted", Deleted(id=id).model_dump_json())
        return frame("recording", serialize.summary(row).model_dump_json())

    async def _first(self, last_id: int | None) -> list[ServerSentEvent]:
        missed = self.hub.missed(last_id)
        await self._publish_parts()
        name: Name = "reset" if missed is None else "snapshot"
        snapshot = await self._observer.latest()
        current = frame(name, await self._current_state(snapshot), self.hub.newest)
        return [*(missed or []), current, *await self._since(snapshot)]

    async def _since(self, snapshot: Snapshot) -> list[ServerSentEvent]:
        """Recordings that have changed since the snapshot, whose changes were published already."""
        then = {row.id: row.state for row in snapshot.recordings}
        ids = then.keys() | self._states.keys()
        changed = sorted(id for id in ids if then.get(id) != self._states.get(id))
        return [await self._recording(id) for id in changed]

    async def _current_state(self, snapshot: Snapshot) -> str:
        """The snapshot as text; computed once for all clients that join within a second."""
        if self._present is None or self._present[0] is not snapshot:
            parts = self._encodes, self._outputs, self._streams
            text = await asyncio.to_thread(_present, snapshot, *parts)
            self._present = (snapshot, text)
        return self._present[1]

    async def _publish_streams(self) -> None:
        self._streams_version = self._manager.streams.version
        try:
            streams = await streams_of(self._manager, MOST_STREAMS)
        except HavenError as error:  # all directories failed
            log.info("no directory of live streams answers", error=error.error)
            return
        if streams != self._streams:
            self._streams, self._present = streams, None
            self.hub.publish(frame("streams", streams.model_dump_json()))


def _figures(snapshot: Snapshot) -> str:
    return _of(snapshot).model_dump_json()


def _present(
    snapshot: Snapshot, encodes: EncodeChanges, outputs: OutputChanges, streams: Streams | None
) -> str:
    present = Present(
        figures=_of(snapshot),
        recordings=[serialize.summary(row) for row in snapshot.recordings],
        encodes=[serialize_encodes.info(row) for row in encodes.active],
        encode_queue=encodes.queue,
        outputs=[serialize_outputs.info(row) for row in outputs.current],
        streams=streams,
    )
    return present.model_dump_json()


def _of(snapshot: Snapshot) -> Figures:
    return Figures(
        at=snapshot.at,
        recordings=[_live(row) for row in snapshot.recordings],
        processes=snapshot.processes,
        system=snapshot.system,
    )


def _live(row: Recording) -> LiveRecording:
    figures = LiveFigures.of(row)
    return LiveRecording(
        **serialize.live_values(row, figures),
        id=row.id,
        mint_id=row.stream_id,
        state=row.state,
        duration_seconds=figures.duration_s,
    )
