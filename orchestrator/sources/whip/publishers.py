"""The publishers of one stream: the one that is connected, and the one that is to replace it.

A stream has one publisher. One that comes with the stream's key while another is there takes its
place as soon as its media comes: it is the same person again, whose old connection nobody has
noticed to be dead yet, or another one who has the key. Where all UDP ports are taken, it takes its
place, and its port, at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from orchestrator.errors import PublisherNotFound, StaleSession, Unavailable
from orchestrator.sources.aiortc.ingest.local_addresses import LocalAddresses
from orchestrator.sources.whip.publisher import Publisher, StreamLimits

log = structlog.get_logger(__name__)

REPLACED: Final = "another publisher came with the stream's key"


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to an offer, and the session that it began."""

    sdp: str
    session: str
    etag: str


class Publishers:
    """Those of one stream, from the first offer until `close`."""

    def __init__(
        self, addresses: LocalAddresses, limits: StreamLimits, on_empty: Callable[[], None]
    ) -> None:
        """`on_empty` is called when the last one has left."""
        self._addresses, self._limits, self._on_empty = addresses, limits, on_empty
        self.current: Publisher | None = None
        """The one that is connected."""
        self._next: Publisher | None = None
        """The one that is about to be."""
        self._answering = 0
        """Offers that are being answered."""
        self._changed = asyncio.Condition()
        self._following: set[asyncio.Task[None]] = set()

    @property
    def is_empty(self) -> bool:
        """Whether nobody is connected, about to be, or being answered."""
        return self.current is None and self._next is None and not self._answering

    async def offer(self, sdp: str) -> Answered:
        """Begins a session; raises UnusableOffer, and then nothing has changed.

        Where no port is free, those of before give theirs; Unavailable if they had none.
        """
        self._answering += 1
        try:
            publisher, answer = await self._answer_in_turn(sdp)
        except BaseException:
            self._answering -= 1
            if self.is_empty:
                self._on_empty()
            raise
        self._answering -= 1
        before, self._next = self._next, publisher
        if before is not None:
            before.end(REPLACED)
        task = asyncio.create_task(self._follow(publisher), name="publisher")
        self._following.add(task)
        task.add_done_callback(self._ended)
        return Answered(answer, publisher.id, publisher.etag)

    def add_candidates(self, session: str, etag: str, fragment: str) -> None:
        """Trickled ones; raises PublisherNotFound, StaleSession, NoIceRestart."""
        publisher = self.session(session)
        if etag != publisher.etag:
            raise StaleSession()
        publisher.add_candidates(fragment)

    def leave(self, session: str) -> None:
        """Its publisher ends it; raises PublisherNotFound."""
        self.session(session).end("the publisher left")

    def session(self, session: str) -> Publisher:
        """The one with this id; raises PublisherNotFound."""
        for each in (self.current, self._next):
            if each is not None and each.id == session and not each.ended.done():
                return each
        raise PublisherNotFound()

    def described(self) -> dict[str, Any] | None:
        """What is published now; None while nobody is connected."""
        there = self._there()
        return None if there is None else there.described()

    async def until_connected(self) -> Publisher:
        """The publisher that is connected, as soon as there is one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._there() is not None)
            there = self._there()
        assert there is not None
        return there

    async def until_decided(self) -> None:
        """Returns when nobody is about to be connected."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._next is None)

    def end(self, reason: str = "the recorder was stopped") -> None:
        """Ends all sessions, soon."""
        for each in (self.current, self._next):
            if each is not None:
                each.end(reason)

    async def close(self) -> None:
        """Ends all sessions; returns when nothing of them is left."""
        self.end()
        await asyncio.gather(*self._following, return_exceptions=True)

    def _there(self) -> Publisher | None:
        return None if self.current is None or self.current.ended.done() else self.current

    async def _answer_in_turn(self, sdp: str) -> tuple[Publisher, str]:
        try:
            return await self._answer(sdp)
        except Unavailable:
            before = [each for each in (self._next, self.current) if each is not None]
            if not before:
                raise
        for each in before:
            each.end(REPLACED)
            await each.close()
        return await self._answer(sdp)

    async def _answer(self, sdp: str) -> tuple[Publisher, str]:
        publisher = Publisher(self._addresses, self._limits)
        try:
            return publisher, await publisher.answer(sdp)
        except BaseException:
            await publisher.close()
            raise

    async def _follow(self, publisher: Publisher) -> None:
        """One session from its answer to its end."""
        connected = asyncio.create_task(publisher.connected.wait())
        try:
            waits: set[asyncio.Future[Any]] = {connected, publisher.ended}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if not publisher.ended.done():
                await self._take_over(publisher)
                log.info("a publisher is connected")
                await publisher.ended
            log.info("a publisher is gone", why=publisher.ended.result())
        finally:
            connected.cancel()
            await self._forget(publisher)
            await publisher.close()

    async def _take_over(self, publisher: Publisher) -> None:
        async with self._changed:
            before, self.current = self.current, publisher
            self._next = None if self._next is publisher else self._next
            if before is not None:
                before.end(REPLACED)
            self._changed.notify_all()

    async def _forget(self, publisher: Publisher) -> None:
        async with self._changed:
            self.current = None if self.current is publisher else self.current
            self._next = None if self._next is publisher else self._next
            self._changed.notify_all()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._following.discard(task)
        problem = None if task.cancelled() else task.exception()
        if problem is not None:
            log.error("a publisher's session failed", error=repr(problem))
        if self.is_empty:
            self._on_empty()
