"""The publishers of a stream (WHIP) as a source: it waits for them, they come by themselves.

Nothing is connected or tried again here, so it is no `reconnecting.Session`: when a publisher is
gone, the source waits for the next one, as long as an outage may take. The publisher stays when the
source is closed.
"""

from __future__ import annotations

import asyncio

from orchestrator.errors import NobodyPublishes
from orchestrator.sources.connected_source import ConnectedSource
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.source import (
    ConnectionLost,
    ConnectionRestored,
    OnEvent,
)
from orchestrator.sources.whip.publisher import Publisher
from orchestrator.sources.whip.publishers import Publishers


class WhipSource(ConnectedSource[Publisher]):
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
        super().__init__(Receiver(on_event, max_frame_pixels, keyframe_interval_s))
        self._publishers, self._wait_s = publishers, wait_s

    async def open(self) -> None:
        """Waits for the publisher; raises NobodyPublishes."""
        try:
            self._attach(await self._next())
        except TimeoutError as error:
            raise NobodyPublishes(
                f"Nobody published within {self._wait_s:g} s.",
                "Start publishing, then start the recording again.",
            ) from error
        self._begin_keeping(self._keep())

    async def subscribe(self, sids: frozenset[str]) -> None:
        """Everything comes; the receiver leaves out what is not wanted."""
        self._receiver.wanted = sids

    async def close(self) -> None:
        """Lets go of the publisher, who stays. May be called again."""
        await self._end_keeping()
        self._detach()

    # -- inside

    async def _next(self) -> Publisher:
        async with asyncio.timeout(self._wait_s):
            return await self._publishers.until_connected()

    def _attach(self, publisher: Publisher) -> None:
        self._receiver.forget_times()
        self._connection = publisher
        publisher.attach(self._receiver)

    def _detach(self) -> None:
        publisher = self._connection
        if publisher is not None:
            self._past = self.statistics()
            self._connection = None
            publisher.detach()

    async def _keep(self) -> None:
        while (publisher := self._connection) is not None:
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
