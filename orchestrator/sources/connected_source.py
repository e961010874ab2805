"""What sources share that receive over one connection at a time: its frames, counters, and end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, Protocol, TypeVar

from orchestrator.errors import SourceError
from orchestrator.sources.received_media import PeerStatistics
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.source import SourceClosed, SourceStatistics


class Connection(Protocol):
    """Something that frames come over."""

    async def request_keyframe(self, sid: str) -> None: ...

    async def flush(self) -> None:
        """Delivers the frames received so far, those still to decode included."""

    def statistics(self) -> PeerStatistics: ...


ConnectionT = TypeVar("ConnectionT", bound=Connection)


class ConnectedSource(Generic[ConnectionT]):
    """The part of a Source (see `source`) that doesn't depend on how connections are made."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._connection: ConnectionT | None = None
        """The one that is open now."""
        self._past = SourceStatistics()
        """Of those before."""
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def request_keyframe(self, sid: str) -> None:
        """Asks the publisher of this video for a keyframe."""
        if self._connection is not None:
            await self._connection.request_keyframe(sid)

    async def flush(self) -> None:
        """Gives the frames that have come; returns when they are decoded, or soon."""
        if self._connection is not None:
            await self._connection.flush()
        self._receiver.finish()

    def statistics(self) -> SourceStatistics:
        """A snapshot of the counters, over all connections."""
        if self._connection is None:
            return self._past
        return self._past.plus(self._connection.statistics(), self._receiver.drift_ppm())

    def _begin_keeping(self, keeping: Coroutine[Any, Any, None]) -> None:
        """Runs what replaces a connection that ends, until `_end_keeping`."""
        self._task = asyncio.create_task(keeping, name="source")
        self._task.add_done_callback(self._ended)

    async def _end_keeping(self) -> None:
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _close(self, reason: str, error: SourceError | None) -> None:
        if not self._closing:
            self._closing = True
            self._receiver.on_event(SourceClosed(reason, error))

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The task's boundary: a failure nobody foresaw must end the recording, not hang it."""
        problem = None if task.cancelled() else task.exception()
        if problem is not None:
            self._close("an internal error", SourceError(f"Receiving failed: {problem!r}"))
