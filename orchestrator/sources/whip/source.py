"""The publishers of a stream (WHIP) as a source: it waits for them, they come by themselves.

Nothing is connected or tried again here, so it is no `reconnecting.Session`: when a publisher is
gone, the source waits for the next one, as long as an outage may take. The publisher stays when the
source is closed.
"""

from __future__ import annotations

import asyncio

from orchestrator.errors import NobodyPublishes, SourceError
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.source import (
    ConnectionLost,
    ConnectionRestored,
    OnEvent,
    SourceClosed,
    SourceStatistics,
)
from orchestrator.sources.whip.publisher import Publisher
from orchestrator.sources.whip.publishers import Publishers


class WhipSource:
    """A Source (see `source`) over the publishers of one stream."""

    def __init__(
        self,
        publishers: Publishers,
        on_event: OnEvent,
        *,
        wait_s: float,
        max_frame_pixels: int,
        keyframe_interval_s: float | None,
    ) -> None:
        """`wait_s`: how long nobody may publish."""
        self._publishers, self._wait_s = publishers, wait_s
        self._receiver = Receiver(on_event, max_frame_pixels, keyframe_interval_s)
        self._publisher: Publisher | None = None
        self._task: asyncio.Task[None] | None = None
        self._past = SourceStatistics()
        self._closing = False

    async def open(self) -> None:
        """Waits for the publisher; raises NobodyPublishes."""
        try:
            self._attach(await self._next())
        except TimeoutError as error:
            raise NobodyPublishes(
                f"Nobody published within {self._wait_s:g} s.",
                "Start publishing, then start the recording again.",
            ) from error
        self._task = asyncio.create_task(self._keep(), name="source")
        self._task.add_done_callback(self._ended)

    async def subscribe(self, sids: frozenset[str]) -> None:
        """Everything comes; the receiver leaves out what is not wanted."""
        self._receiver.wanted = sids

    async def request_keyframe(self, sid: str) -> None:
        """Asks the publisher for a keyframe."""
        if self._publisher is not None:
            await self._publisher.request_keyframe(sid)

    async def flush(self) -> None:
        """Gives the frames that have come; returns when they are decoded, or soon."""
        if self._publisher is not None:
            await self._publisher.flush()
        self._receiver.finish()

    async def close(self) -> None:
        """Lets go of the publisher, who stays. May be called again."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._detach()

    def statistics(self) -> SourceStatistics:
        """A snapshot of the counters, over all publishers."""
        if self._publisher is None:
            return self._past
        return self._past.plus(self._publisher.statistics(), self._receiver.drift_ppm())

    # -- inside

    async def _next(self) -> Publisher:
        async with asyncio.timeout(self._wait_s):
            return await self._publishers.until_connected()

    def _attach(self, publisher: Publisher) -> None:
        self._receiver.forget_times()
        self._publisher = publisher
        publisher.attach(self._receiver)

    def _detach(self) -> None:
        publisher = self._publisher
        if publisher is not None:
            self._past = self.statistics()
            self._publisher = None
            publisher.detach()

    async def _keep(self) -> None:
        while (publisher := self._publisher) is not None:
            reason = await asyncio.shield(publisher.ended)
            await publisher.flush()
            self._detach()
            self._receiver.on_event(ConnectionLost(reason))
            try:
                self._attach(await self._next())
            except TimeoutError:
                gone = f"nobody published again within {self._wait_s:g} s"
                self._close(f"{reason}; {gone}", None)
                return
            self._past = self._past.reconnected()
            self._receiver.on_event(ConnectionRestored())

    def _close(self, reason: str, error: SourceError | None) -> None:
        if not self._closing:
            self._closing = True
            self._receiver.on_event(SourceClosed(reason, error))

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The task's boundary: a failure nobody foresaw must end the recording, not hang it."""
        problem = None if task.cancelled() else task.exception()
        if problem is not None:
            self._close("an internal error", SourceError(f"Receiving failed: {problem!r}"))
