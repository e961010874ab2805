"""Candidates that are added in the background."""

from __future__ import annotations

import asyncio

from orchestrator.sources.aiortc.sdp import MOST_CANDIDATES
from orchestrator.sources.whip.offer import fragment_of
from orchestrator.sources.whip.trickled import TrickledCandidates

NAME = "candidate:1 1 udp 2 a-name.local 9 typ host"
ADDRESS = "candidate:2 1 udp 1 192.0.2.1 9 typ host"
FRAGMENT = f"a=mid:0\r\na={NAME}\r\na={ADDRESS}\r\na=end-of-candidates\r\n"


class Peer:
    """Takes candidates while it may."""

    def __init__(self) -> None:
        self.taken: list[tuple[str | None, str | None, int | None]] = []
        self.may = asyncio.Event()
        self.done = asyncio.Event()

    async def add_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        """Fails for the first."""
        await self.may.wait()
        self.taken.append((line, mid, index))
        if line is None:
            self.done.set()
        if len(self.taken) == 1:
            raise ValueError("a bad one")


async def test_they_come_in_order_with_names_last_and_one_that_is_bad_stops_none() -> None:
    peer = Peer()
    trickled = TrickledCandidates(peer)
    trickled.put(fragment_of(f"a={ADDRESS}\r\n"))
    trickled.put(fragment_of(FRAGMENT))
    assert peer.taken == [], "nobody waits for them"
    peer.may.set()
    await peer.done.wait()
    assert peer.taken == [
        (ADDRESS, None, 0),
        (ADDRESS, "0", None),
        (NAME, "0", None),
        (None, None, None),
    ]
    await trickled.close()


async def test_only_so_many_wait_and_none_is_added_after_the_end() -> None:
    peer = Peer()
    trickled = TrickledCandidates(peer)
    for _ in range(MOST_CANDIDATES):
        trickled.put(fragment_of(FRAGMENT))
    assert trickled._waiting.qsize() == MOST_CANDIDATES
    await trickled.close()
    assert peer.taken == []
    await TrickledCandidates(peer).close()
