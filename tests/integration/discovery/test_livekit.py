"""LiveKit as a directory, against the real server."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from livekit import api, rtc

from orchestrator.discovery import livekit
from orchestrator.discovery.directory import Directory
from orchestrator.discovery.livekit import LiveKitDiscovery
from orchestrator.errors import (
    SettingsError,
    SourceError,
    SourceRefused,
    SourceUnreachable,
    StreamNotFound,
)
from orchestrator.media import Stream
from tests.kit.livekit.rooms import Publisher, publish
from tests.kit.livekit.server import KEY, SECRET, Server

pytestmark = pytest.mark.livekit

ROOM = "Räume/💥 №1"


def discovery_of(server: Server) -> LiveKitDiscovery:
    return LiveKitDiscovery(server.url, KEY, SECRET)


@asynccontextmanager
async def live(server: Server, *rooms: str) -> AsyncIterator[list[Publisher]]:
    """Somebody publishes audio in each of the rooms, and the server says so."""
    async with asyncio.timeout(20):
        if not rooms:
            yield []
            return
        async with (
            publish(server, rooms[0], video=None) as first,
            live(server, *rooms[1:]) as others,
        ):
            await until_found(discovery_of(server), rooms[0])
            yield [first, *others]


async def until_found(discovery: LiveKitDiscovery, room: str) -> None:
    """Sooner than the list of rooms would tell, whose counts are up to five seconds old."""
    async with asyncio.timeout(2.5):
        while True:
            with suppress(StreamNotFound):
                await discovery.find(room)
                return
            await asyncio.sleep(0.05)


async def until_participants(discovery: LiveKitDiscovery, room: str, number: int) -> None:
    """The list of rooms follows what happens in them by up to five seconds."""
    async with asyncio.timeout(15):
        while True:
            rooms = await discovery.live(100)
            if (room, number) in [(one.id, one.num_participants) for one in rooms]:
                return
            await asyncio.sleep(0.05)


async def test_a_room_in_which_somebody_publishes(livekit_server: Server) -> None:
    async with live(livekit_server, ROOM):
        found = await discovery_of(livekit_server).find(ROOM)
        assert found is not None
        assert (found.id, found.name, found.discovery) == (ROOM, ROOM, "livekit")
        assert found.created_timestamp is not None
        assert found.created_timestamp > 1_600_000_000_000
        assert await discovery_of(livekit_server).find("another room") is None


async def test_whether_there_is_video_is_known_before_one_joins(livekit_server: Server) -> None:
    livekit = discovery_of(livekit_server)
    stream = Stream("video or not", "livekit")
    known = Directory([livekit]).with_video_known
    async with publish(livekit_server, stream.id, video=None) as publisher:
        assert (await known(stream)).video is False
        await publisher.publish_video("vp8")
        async with asyncio.timeout(10):
            while not (await known(stream)).video:
                await asyncio.sleep(0.05)


async def test_what_nobody_says_of_video_stays_unknown(livekit_server: Server) -> None:
    stream = Stream("somewhere", "livekit")
    assert (await Directory([]).with_video_known(stream)).video is None
    nobody = LiveKitDiscovery("ws://127.0.0.1:9", KEY, SECRET)
    assert (await Directory([nobody]).with_video_known(stream)).video is None


async def test_an_empty_room_is_not_live(livekit_server: Server) -> None:
    async with api.LiveKitAPI(livekit_server.url, KEY, SECRET) as client:
        await client.room.create_room(api.CreateRoomRequest(name="empty"))
    discovery = discovery_of(livekit_server)
    with pytest.raises(StreamNotFound, match="room empty exists, but nobody publishes"):
        await discovery.find("empty")
    assert "empty" not in [stream.id for stream in await discovery.live(100)]
    with pytest.raises(StreamNotFound, match="nobody publishes"):
        await Directory([discovery]).find("empty")


async def test_live_lists_the_fullest_first(livekit_server: Server) -> None:
    async with live(livekit_server, "quiet", "busy"):
        visitor = rtc.Room()
        await visitor.connect(
            livekit_server.url, livekit_server.token("busy", "visitor", publish=True)
        )
        try:
            discovery = discovery_of(livekit_server)
            await until_participants(discovery, "busy", 2)
            await until_participants(discovery, "quiet", 1)
            listed = await discovery.live(100)
            assert [one.id for one in listed if one.id in ("busy", "quiet")] == ["busy", "quiet"]
            assert await discovery.live(1) == listed[:1]
        finally:
            await visitor.disconnect()


async def test_the_token_joins_hidden(livekit_server: Server) -> None:
    discovery = discovery_of(livekit_server)
    async with live(livekit_server, ROOM) as (publisher,):
        stream = await discovery.find(ROOM)
        assert stream is not None
        endpoint = await discovery.endpoint(stream, "recorder-1")
        assert endpoint.url == livekit_server.url
        assert endpoint.token not in repr(endpoint)
        recorder = rtc.Room()
        await recorder.connect(endpoint.url, endpoint.token)
        try:
            assert recorder.name == ROOM
            assert recorder.local_participant.identity == "recorder-1"
            assert list(publisher.room.remote_participants) == []
        finally:
            await recorder.disconnect()


async def test_the_token_grants_no_more_than_receiving() -> None:
    discovery = LiveKitDiscovery("ws://127.0.0.1:1", KEY, SECRET)
    stream = Stream(id="room", discovery="livekit")
    claims = claims_of((await discovery.endpoint(stream, "recorder-1")).token)
    assert claims["video"] == {
        "roomJoin": True,
        "room": "room",
        "hidden": True,
        "recorder": True,
        "agent": False,
        "canPublish": False,
        "canPublishData": False,
        "canSubscribe": True,
    }
    assert claims["sub"] == "recorder-1"
    assert 0 < claims["exp"] - claims["nbf"] <= 11 * 60


@pytest.mark.all_only
@pytest.mark.parametrize("shown", [True, False])
async def test_a_recorder_shows_or_hides_the_recording_and_keeps_no_room_open(
    livekit_server: Server, shown: bool
) -> None:
    discovery, room = discovery_of(livekit_server), f"shown-{shown}"
    recorder = rtc.Room()
    async with api.LiveKitAPI(livekit_server.url, KEY, SECRET) as client:

        async def listed() -> list[api.Room]:
            rooms = await client.room.list_rooms(api.ListRoomsRequest(names=[room]))
            return list(rooms.rooms)

        async with live(livekit_server, room) as (publisher,):
            stream = await discovery.find(room)
            assert stream is not None
            endpoint = await discovery.endpoint(stream, "recorder-1", shown=shown)
            await recorder.connect(endpoint.url, endpoint.token)
            async with asyncio.timeout(10):
                while [each.active_recording for each in await listed()] != [shown]:
                    await asyncio.sleep(0.05)
            assert list(publisher.room.remote_participants) == []
        began = time.monotonic()
        async with asyncio.timeout(40):
            while await listed():
                await asyncio.sleep(0.2)
    print(f"closed {time.monotonic() - began:.1f} s after all had left")
    await recorder.disconnect()


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


@pytest.mark.parametrize(
    ("key", "secret"), [(KEY, "another-secret-of-at-least-32-letters"), ("stranger", SECRET)]
)
async def test_a_wrong_key(livekit_server: Server, key: str, secret: str) -> None:
    discovery = LiveKitDiscovery(livekit_server.url, key, secret)
    with pytest.raises(SourceRefused, match=f"refuses the API key {key}") as caught:
        await discovery.find("room")
    assert "ORCHESTRATOR_LIVEKIT_API_SECRET" in caught.value.detail
    assert secret not in str(caught.value)
    with pytest.raises(SourceRefused):
        await discovery.live(1)


async def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(livekit, "REQUEST_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(SourceUnreachable, match=f"{url} can't be reached: no answer"):
            await LiveKitDiscovery(url, KEY, SECRET).find("room")
    with pytest.raises(SourceUnreachable, match="can't be reached"):
        await LiveKitDiscovery(url, KEY, SECRET).live(1)
    with pytest.raises(SourceUnreachable, match="can't be reached"):
        await LiveKitDiscovery("wss://no-such-host.invalid", KEY, SECRET).live(1)


async def test_something_else_answers(livekit_server: Server) -> None:
    with pytest.raises(SourceError, match=r"can't list its rooms.*\(HTTP 404\)"):
        await LiveKitDiscovery(f"{livekit_server.url}/elsewhere", KEY, SECRET).find("room")


@pytest.mark.parametrize("url", ["livekit.example", "127.0.0.1:7880", "ftp://host", "ws://"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(SettingsError, match="no address of a LiveKit server"):
        LiveKitDiscovery(url, KEY, SECRET)
