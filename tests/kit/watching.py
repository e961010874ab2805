"""Watched streams that are live because a test says so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError, InvalidRequest, StreamNotFound
from orchestrator.media import Stream
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.watches.watches import Watches, WatchStatus
from tests.kit.catalog.rows import recording


@dataclass
class World:
    """Streams that are live because the test says so; recordings are rows, and nothing more."""

    catalog: Catalog
    live_ids: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    """Live, but not in the list."""
    unknown_ids: list[str] = field(default_factory=list)
    """In the list, which doesn't know whether they are live; they aren't."""
    silent: HavenError | None = None
    refuses: HavenError | None = None
    asked: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """No longer watched."""
    lists: int = 0
    started: list[StartRequest] = field(default_factory=list)
    doors: list[str] = field(default_factory=list)
    """Where somebody waits for an unmute."""
    unmuted: asyncio.Event = field(default_factory=asyncio.Event)
    refuses_door: HavenError | None = None

    async def find(self, id: str) -> Stream:
        self.asked.append(id)
        if self.silent:
            raise self.silent
        if id not in (*self.live_ids, *self.hidden):
            raise StreamNotFound(id)
        return Stream(id, "pumpfun")

    async def live(self, limit: int) -> list[Stream]:
        self.lists += 1
        if self.silent:
            raise self.silent
        unknown = [Stream(id, "pumpfun", is_currently_live=None) for id in self.unknown_ids]
        return [*unknown, *(Stream(id, "pumpfun") for id in self.live_ids[:limit])]

    async def unwatched(self, id: str) -> None:
        self.left.append(id)

    async def check(self, request: StartRequest) -> None:
        if request.output_format == "avi":
            raise InvalidRequest("Unknown output_format: 'avi'")

    async def start(self, request: StartRequest) -> Recording:
        if self.refuses:
            raise self.refuses
        self.started.append(request)
        row = recording(f"{request.stream_id} {len(self.started)}", request.stream_id)
        await self.catalog.create(row)
        return row

    async def end(self, stream_id: str, **columns: Any) -> None:
        row = await self.catalog.active_of(stream_id)
        assert row is not None
        await self.catalog.update(row.id, **({"state": "completed"} | columns))

    def server(self, period_s: float = 20) -> Watches:
        """A server's, not yet looking by itself."""
        return Watches(self.catalog, self, self.start, self.check, period_s, unmute=self.unmute)

    async def unmute(self, stream_id: str, e2ee: object) -> None:
        self.doors.append(stream_id)
        try:
            await self.unmuted.wait()
        finally:
            self.doors.remove(stream_id)
        if self.refuses_door:
            raise self.refuses_door


async def only(made: Watches) -> WatchStatus:
    (outlook,) = await made.all()
    return outlook
