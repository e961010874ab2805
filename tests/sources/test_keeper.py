"""What a kept source does when no new endpoint is to be had; its sessions need no server."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from livekit import api

from orchestrator.errors import SourceUnreachable
from orchestrator.media import Endpoint, LiveKitEndpoint
from orchestrator.sources.keeper import KeptSource, SessionEnd
from orchestrator.sources.peer import PeerStatistics
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.source import (
    ConnectionLost,
    ConnectionRestored,
    SourceClosed,
    SourceEvent,
)
from tests.rooms import KEY, SECRET


def endpoint(life_s: int) -> LiveKitEndpoint:
    grants = api.VideoGrants(room_join=True, room="room")
    minted = api.AccessToken(KEY, SECRET).with_identity("recorder").with_grants(grants)
    token = minted.with_ttl(timedelta(seconds=life_s)).to_jwt()
    return LiveKitEndpoint("ws://127.0.0.1:9", token)


class ShortSession:
    """Connects at once, to be lost at once if it is the first."""

    def __init__(self, given: Endpoint, begun: list[Endpoint]) -> None:
        self._given = given
        self._lost = not begun
        begun.append(given)

    async def start(self) -> None:
        """Needs nothing."""

    async def wait_until_ended(self) -> SessionEnd:
        if not self._lost:
            await asyncio.Event().wait()
        return SessionEnd("the cable was pulled", again=True)

    async def wait_until_media(self) -> None:
        """Flows at once."""

    async def subscribe(self, sids: frozenset[str]) -> None:
        """Nothing to have."""

    async def flush(self) -> None:
        """Nothing has come."""

    async def close(self) -> None:
        """Nothing to end."""

    def statistics(self) -> PeerStatistics:
        return PeerStatistics()

    def last_endpoint(self) -> Endpoint:
        return self._given


@pytest.mark.parametrize("life_s", [600, -1])
async def test_the_old_token_is_used_again_while_it_is_good(life_s: int) -> None:
    events: asyncio.Queue[SourceEvent] = asyncio.Queue()
    begun: list[Endpoint] = []

    def begin(given: Endpoint, receiver: Receiver) -> ShortSession:
        return ShortSession(given, begun)

    async def renew() -> Endpoint:
        raise SourceUnreachable("pump.fun is down.")

    old = endpoint(life_s)
    source = KeptSource(
        old,
        events.put_nowait,
        begin=begin,
        renew=renew,
        connect_timeout_s=5,
        reconnect_timeout_s=1,
    )
    await source.open()
    async with asyncio.timeout(20):
        assert await events.get() == ConnectionLost("the cable was pulled")
        after = await events.get()
    await source.close()
    if life_s > 0:
        assert after == ConnectionRestored()
        assert begun == [old, old]
    else:
        assert isinstance(after, SourceClosed)
        assert after.error is not None
        assert "could not be asked for again: pump.fun is down." in after.error.error
        assert begun == [old]
