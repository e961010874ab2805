"""Named streams that ffmpeg reads from an address.

Whether somebody sends is known when it is read: lists show it as unknown, and a start just tries.
For a watch, which would try again and again, an ffmpeg of the server looks: it connects for a
moment, or waits for a publisher, who has to connect once more when the recording has begun.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from orchestrator.errors import NotLive, SourceBusy
from orchestrator.media import Publication, UrlEndpoint
from orchestrator.settings.groups.encoding import EncodingSettings
from orchestrator.settings.groups.streams import StreamSettings
from orchestrator.url_input.address import Address, address_of
from orchestrator.url_input.command import arguments, listing
from orchestrator.url_input.process import InputProcess
from orchestrator.url_input.program import program

log = structlog.get_logger(__name__)

ANSWER_S: Final = 7.0
"""Longest wait for a stream to which we connect."""

LISTENING_S: Final = 300.0
"""So long an address is open for a publisher after a watch has looked; each look begins anew."""

SEEN_S: Final = 30.0
"""For so long a stream that was seen counts as live: its publisher has to come back meanwhile."""

MOST_LOOKS: Final = 32
"""Processes that look at the same time."""


class UrlStreams:
    """The kind `url` (stream_kinds.StreamKind)."""

    def __init__(
        self,
        settings: EncodingSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._clock = settings or EncodingSettings(), clock
        self._looks: dict[str, asyncio.Task[bool]] = {}
        self._seen: dict[str, float] = {}

    async def look(self, id: str, defined: StreamSettings) -> list[Publication] | None:
        """Unknown."""
        return None

    async def watched(self, id: str, defined: StreamSettings) -> None:
        """Returns if somebody sends; NotLive, SourceBusy. Asks each server once at a time."""
        assert defined.url is not None
        address = address_of(defined.url)
        if self._clock() - self._seen.get(id, -SEEN_S) < SEEN_S:
            return
        look = self._looks.get(id)
        if look is None or look.done():
            if sum(not each.done() for each in self._looks.values()) >= MOST_LOOKS:
                raise SourceBusy(f"{MOST_LOOKS} other streams are looked for now.")
            look = self._looks[id] = asyncio.create_task(self._look(id, address))
        await asyncio.wait({look}, timeout=0.0 if address.listens else ANSWER_S)
        if not (look.done() and not look.cancelled() and look.result()):
            raise NotLive(
                f"Nobody sends {address.shown} now.",
                "Its port is open, and a watch waits for its publisher." if address.listens else "",
            )

    async def is_live(self, id: str) -> bool | None:
        """Live if it was seen just now, else unknown."""
        return self._clock() - self._seen.get(id, -SEEN_S) < SEEN_S or None

    async def endpoint(self, id: str, defined: StreamSettings) -> UrlEndpoint:
        """Its address; nobody else listens there any more."""
        assert defined.url is not None
        await self._end(id)
        return UrlEndpoint(defined.url)

    async def forget(self, id: str) -> None:
        """Nobody looks for it any more."""
        self._seen.pop(id, None)
        await self._end(id)

    async def close(self) -> None:
        """Ends all processes that look."""
        for id in tuple(self._looks):
            await self._end(id)

    async def _end(self, id: str) -> None:
        look = self._looks.pop(id, None)
        if look is not None:
            look.cancel()
            await asyncio.gather(look, return_exceptions=True)

    async def _look(self, id: str, address: Address) -> bool:
        """Whether somebody sends; a process that can't be started is a no as well."""
        process = InputProcess(None, address.secrets)
        try:
            found = await asyncio.to_thread(program, self._settings)
            await process.start_looking(
                arguments(found.path, address, look=True), listing(address), found.environment
            )
            async with asyncio.timeout(LISTENING_S if address.listens else ANSWER_S):
                live = await process.wait() == 0
        except TimeoutError:
            live = False
        except OSError as error:
            log.warning("can't look for a stream", stream=id, error=str(error))
            live = False
        finally:
            await process.stop()
        if live:
            self._seen[id] = self._clock()
        return live
