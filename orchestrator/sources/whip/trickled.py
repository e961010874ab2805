"""Candidates that a publisher trickles: added in the background, one after the other.

A name (``.local``, draft-ietf-mmusic-mdns-ice-candidates) that nobody knows takes aioice a second.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from orchestrator.sources.aiortc.sdp import MOST_CANDIDATES
from orchestrator.sources.whip.offer import Fragment

log = structlog.get_logger(__name__)

_Candidate = tuple[str | None, str | None]


class TakesCandidates(Protocol):
    """As a Peer does."""

    async def add_candidate(self, line: str | None, mid: str | None, index: int | None) -> None: ...


class TrickledCandidates:
    """Those of one session, until `close`."""

    def __init__(self, peer: TakesCandidates) -> None:
        self._peer = peer
        self._waiting: asyncio.Queue[_Candidate] = asyncio.Queue(MOST_CANDIDATES)
        self._adding: asyncio.Task[None] | None = None

    def put(self, found: Fragment) -> None:
        """Adds them soon, those with an address before names; without those that are too many."""
        candidates: list[_Candidate] = [*sorted(found.candidates, key=_has_name)]
        candidates += [(None, None)] if found.complete else []
        room = self._waiting.maxsize - self._waiting.qsize()
        for each in candidates[:room]:
            self._waiting.put_nowait(each)
        if left_out := len(candidates[room:]):
            log.warning("a publisher has too many candidates", left_out=left_out)
        if self._adding is None:
            self._adding = asyncio.create_task(self._add(), name="candidates")

    async def close(self) -> None:
        """Adds no more; nothing is left."""
        if self._adding is not None:
            self._adding.cancel()
            await asyncio.gather(self._adding, return_exceptions=True)

    async def _add(self) -> None:
        while True:
            line, mid = await self._waiting.get()
            try:
                await self._peer.add_candidate(line, mid, 0 if mid is None and line else None)
            except Exception as problem:  # noqa: BLE001 - aiortc asserts and indexes its way
                log.warning("a publisher's candidate can't be added", error=repr(problem))


def _has_name(candidate: tuple[str, str | None]) -> bool:
    """Whether its address (RFC 8839 §5.1, the fifth field) is one that has to be looked up."""
    fields = candidate[0].split()
    return len(fields) > 4 and fields[4].lower().endswith(".local")
