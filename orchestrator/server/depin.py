"""The desktop app's agent: one recording, always of the most watched live stream.

It calls once a minute. Files are split each minute (pipes.segment_boundary), without losing a
frame. When another stream becomes the most watched one, its recording begins before the old one is
stopped; if it can't begin, the old one goes on. A recording that somebody else started is never
stopped: if it is of the most watched stream, nothing more is recorded. The rows of recordings say
which are the agent's own, so that the next server knows them too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.errors import HavenError
from orchestrator.media import Stream
from orchestrator.recordings.limits import Limits
from orchestrator.recordings.start_request import StartedBy, StartRequest
from orchestrator.recordings.states import RecordingState

log = structlog.get_logger(__name__)

CHUNK_S: Final = 60.0
"""Length of a file, and time between two calls of the app."""

FORMAT: Final = "webm"
"""What the app's own server records for its agent."""


@dataclass(slots=True)
class Tick:
    """The outcome of one call."""

    message: str = ""
    actions: list[str] = field(default_factory=list)
    top: Stream | None = None
    """The most watched live stream."""
    current: Recording | None = None
    """Its recording, or the agent's earlier one while that can't begin."""
    error: HavenError | None = None
    """Why the most watched stream isn't recorded."""


class Streams(Protocol):
    """What is needed of discovery.directory.Directory."""

    @property
    def failures(self) -> Mapping[str, HavenError]: ...
    async def live(self, limit: int, /) -> list[Stream]: ...


class Depin:
    """Looks for the most watched stream at each call, one call at a time."""

    def __init__(
        self,
        directory: Streams,
        active: Callable[[], Awaitable[list[Recording]]],
        start: Callable[[StartRequest], Awaitable[Recording]],
        stop: Callable[[str], Awaitable[Recording]],
    ) -> None:
        self._directory = directory
        self._active, self._start, self._stop = active, start, stop
        self._lock = asyncio.Lock()

    async def tick(self) -> Tick:
        """Records the most watched stream; an error that prevents it is in the answer."""
        async with self._lock:
            active = await self._active()
            tick = Tick(current=next(filter(_is_own, active), None))
            try:
                await self._look(tick, active)
            except HavenError as error:
                log.warning("the most watched stream isn't recorded", error=error.error)
                failed = f"Failed to record {tick.top.id}" if tick.top else "No streams were listed"
                tick.message, tick.error = f"{failed}: {error}", error
            return tick

    async def _look(self, tick: Tick, active: list[Recording]) -> None:
        tick.top = top = await self._most_watched()
        if top is None:
            tick.message = "No live streams found."
            return
        running = next((one for one in active if one.stream_id == top.id), None)
        if running is not None and running.state == RecordingState.STOPPING:
            tick.message = f"The file of {top.id} is being finished; recording resumes after that."
            return
        if running is None:
            running = await self._start(_request(top))
            tick.actions.append(f"Started {top.id}")
        tick.current = running
        tick.message = f"Recording {top.name or top.id} ({top.num_participants} participants)."
        for one in filter(_is_own, active):
            if one.stream_id != top.id:
                await self._end(one, tick)

    async def _most_watched(self) -> Stream | None:
        """None when nobody streams. Raises a directory's failure if no other has a live stream."""
        live = await self._directory.live(1)
        if not live and (failures := list(self._directory.failures.values())):
            raise failures[0]
        return next((stream for stream in live if stream.is_currently_live), None)

    async def _end(self, recording: Recording, tick: Tick) -> None:
        try:
            await self._stop(recording.stream_id)
        except HavenError as error:  # the next call tries again
            tick.message += f" {recording.stream_id} could not be stopped: {error}"
        else:
            tick.actions.append(f"Stopped {recording.stream_id}")


def _is_own(recording: Recording) -> bool:
    """Whether the agent started it and it isn't stopping yet."""
    ending = recording.state == RecordingState.STOPPING
    return recording.started_by == StartedBy.DEPIN and not ending


def _request(top: Stream) -> StartRequest:
    return StartRequest(
        stream_id=top.id,
        output_format=FORMAT,
        limits=Limits(split_s=CHUNK_S),
        started_by=StartedBy.DEPIN,
    )
