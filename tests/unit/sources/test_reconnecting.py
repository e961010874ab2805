"""What a kept source does when no new endpoint is to be had; its sessions need no server."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from livekit import api

from orchestrator.errors import NotLive, SourceUnreachable
from orchestrator.media import Endpoint, LiveKitEndpoint
from orchestrator.sources import reconnecting
from orchestrator.sources.received_media import PeerStatistics
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.reconnecting import ReconnectingSource, SessionEnd
from orchestrator.sources.source import (
    ConnectionLost,
    ConnectionRestored,
    SourceClosed,
    SourceEvent,
)
from tests.kit.livekit.server import KEY, SECRET


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

    async def request_keyframe(self, sid: str) -> None:
        """Nothing to ask for."""

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
    source = ReconnectingSource(
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
        assert "could not be renewed: pump.fun is down." in after.error.error
        assert begun == [old]


class OddSession(ShortSession):
    """What it is answered, aiortc can't make sense of."""

    async def start(self) -> None:
        if len(self.begun) in (2, 3):
            raise AttributeError("an answer that nobody foresaw")

    def __init__(self, given: Endpoint, begun: list[Endpoint]) -> None:
        super().__init__(given, begun)
        self.begun = begun


async def test_an_answer_that_nobody_foresaw_is_a_failed_try_and_not_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconnecting, "FIRST_PAUSE_S", 0.01)
    begun: list[Endpoint] = []
    events: list[SourceEvent] = []
    restored = asyncio.Event()

    def on_event(event: SourceEvent) -> None:
        events.append(event)
        if isinstance(event, ConnectionRestored):
            restored.set()

    async def renew() -> Endpoint:
        return endpoint(60)

    source = ReconnectingSource(
        endpoint(60),
        on_event,
        begin=lambda given, receiver: OddSession(given, begun),
        renew=renew,
        connect_timeout_s=5,
        reconnect_timeout_s=30,
    )
    await source.open()
    async with asyncio.timeout(20):
        await restored.wait()
    await source.close()
    assert len(begun) == 4
    assert not any(isinstance(event, SourceClosed) and event.error for event in events)


class LeavingSession(ShortSession):
    """Its publisher has left: the server says so once, then it doesn't answer any more."""

    async def start(self) -> None:
        if self.number == 2:
            raise NotLive("Nobody publishes.")
        if self.number > 2:
            await asyncio.Event().wait()

    def __init__(self, given: Endpoint, begun: list[Endpoint]) -> None:
        super().__init__(given, begun)
        self.number = len(begun)


async def test_an_attempt_that_time_cuts_short_does_not_make_an_end_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconnecting, "FIRST_PAUSE_S", 0.01)
    begun: list[Endpoint] = []
    closed: asyncio.Future[SourceClosed] = asyncio.get_running_loop().create_future()

    def on_event(event: SourceEvent) -> None:
        if isinstance(event, SourceClosed):
            closed.set_result(event)

    async def renew() -> Endpoint:
        return endpoint(60)

    source = ReconnectingSource(
        endpoint(60),
        on_event,
        begin=lambda given, receiver: LeavingSession(given, begun),
        renew=renew,
        connect_timeout_s=5,
        reconnect_timeout_s=0.5,
    )
    await source.open()
    async with asyncio.timeout(20):
        ended = await closed
    await source.close()
    assert (ended.error, len(begun)) == (None, 3)
    assert "the stream had ended" in ended.reason
