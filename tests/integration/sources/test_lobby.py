"""A room's door: who unmutes is heard of at once, without a media connection."""

from __future__ import annotations

import asyncio
import time

import pytest

from orchestrator import media
from orchestrator.errors import SourceRefused, SourceUnreachable
from orchestrator.media import LiveKitEndpoint
from orchestrator.sources.livekit.lobby import until_unmuted
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import SECRET, Server

pytestmark = pytest.mark.livekit


def door(server: Server, room: str, secret: str = SECRET) -> LiveKitEndpoint:
    return LiveKitEndpoint(server.url, server.token(room, "waits", secret=secret))


async def test_the_unmute_is_heard_of_at_once(livekit_server: Server) -> None:
    room = "door"
    async with publish(livekit_server, room, video=None) as publisher:
        assert publisher.audio_track is not None
        publisher.audio_track.mute()
        waiting = asyncio.create_task(
            until_unmuted(door(livekit_server, room), connect_timeout_s=5)
        )
        async with publish(livekit_server, room, identity="other", video=None) as other:
            assert other.audio_track is not None
            other.audio_track.mute()
            # Whoever comes unmuted is heard too: that may have been this one, for a moment.
            async with asyncio.timeout(30):
                while (await asyncio.wait({waiting}, timeout=1))[0]:
                    waiting = asyncio.create_task(
                        until_unmuted(door(livekit_server, room), connect_timeout_s=5)
                    )
            began = time.monotonic()
            publisher.audio_track.unmute()
            async with asyncio.timeout(5):
                assert await waiting is True
            assert time.monotonic() - began < 0.5


async def test_what_can_not_be_received_is_not_waited_for_again(
    livekit_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing could be recorded of it. No publisher for Linux sends what we can't decode."""
    monkeypatch.setattr(media, "RECEIVABLE", frozenset({"video/vp8"}))
    async with publish(livekit_server, "vp9 door", video="vp9", audio=False):
        waiting = until_unmuted(door(livekit_server, "vp9 door"), connect_timeout_s=5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting, 1)


async def test_somebody_unmuted_is_there_already(livekit_server: Server) -> None:
    async with publish(livekit_server, "open door", video=None):
        assert await until_unmuted(door(livekit_server, "open door"), connect_timeout_s=5) is True


async def test_a_server_that_hangs_up_ends_the_wait(livekit_server: Server) -> None:
    endpoint = door(livekit_server, "twice")
    async with publish(livekit_server, "twice", video=None) as publisher:
        assert publisher.audio_track is not None
        publisher.audio_track.mute()
        first = asyncio.create_task(until_unmuted(endpoint, connect_timeout_s=5))
        await asyncio.wait({first}, timeout=0.5)
        second = asyncio.create_task(until_unmuted(endpoint, connect_timeout_s=5))
        async with asyncio.timeout(5):
            assert await first is False, "the same identity came once more"
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)


async def test_a_door_that_is_shut(livekit_server: Server) -> None:
    with pytest.raises(SourceRefused):
        await until_unmuted(
            door(livekit_server, "shut", secret="x" * 32),
            connect_timeout_s=5,
        )
    with pytest.raises(SourceUnreachable):
        await until_unmuted(LiveKitEndpoint("ws://127.0.0.1:9", "t"), connect_timeout_s=5)
