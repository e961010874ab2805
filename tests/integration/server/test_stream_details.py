"""What is in a real LiveKit room, without joining it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from orchestrator.discovery.directory import Directory
from orchestrator.discovery.livekit import LiveKitDiscovery
from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.media import Publication
from orchestrator.server.streams.details import PublishedTrack, StreamDetails, details_of
from orchestrator.worker.tracks.obstacles import obstacle_of
from tests.kit.livekit.encryption import PASSPHRASE, given, shared
from tests.kit.livekit.rooms import SCREEN, publish
from tests.kit.livekit.server import KEY, SECRET, Server

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

ROOM = "look/inside"


async def until_published(
    directory: Directory, tracks: int, keys: E2eeKeys | None = None
) -> StreamDetails:
    """A participant lists a track a little after it is published."""
    async with asyncio.timeout(15):
        while True:
            details = await details_of(directory, ROOM, keys)
            if details.published is not None and len(details.published) == tracks:
                return details
            await asyncio.sleep(0.05)


async def test_who_publishes_what_in_a_room_and_nobody_notices(livekit_server: Server) -> None:
    """Three are there, one of them encrypted; one comes late, one mutes."""
    directory = Directory([LiveKitDiscovery(livekit_server.url, KEY, SECRET)])
    came: list[str] = []
    async with AsyncExitStack() as stack:
        anna = await stack.enter_async_context(
            publish(
                livekit_server,
                ROOM,
                identity="anna",
                simulcast=True,
                width=1280,
                height=720,
                fps=5,
            )
        )
        anna.room.on("participant_connected", lambda who: came.append(who.identity))
        await stack.enter_async_context(
            publish(livekit_server, ROOM, identity="ben", video="vp9", source=SCREEN, fps=5)
        )
        await stack.enter_async_context(
            publish(livekit_server, ROOM, identity="cora", audio=False, fps=5, encryption=shared())
        )
        details = await until_published(directory, 5)
        assert details.stream.is_currently_live
        found = {f"{p.participant} {p.kind}": each for each, p in tracks_of(details)}
        camera = found["anna video"]
        assert (camera.simulcast, camera.mime_types[0]) == (True, "video/vp8")
        assert [(each.width, each.height) for each in camera.layers][-1] == (1280, 720)
        assert len(camera.layers) == 3
        screen = found["ben video"].publication
        assert (screen.source, screen.mime_type) == ("screen_share", "video/vp9")
        assert (screen.width, screen.height) == (320, 180)
        assert found["ben audio"].publication.mime_type in ("audio/opus", "audio/red")
        locked = found["cora video"].publication
        why = obstacle_of(locked, 10**9)
        assert locked.encrypted
        assert why is not None
        assert "no key is given" in why.error
        assert obstacle_of(screen, 10**9) is None

        details = await until_published(directory, 5, given(PASSPHRASE))
        unlocked = next(p for _, p in tracks_of(details) if p.participant == "cora")
        assert obstacle_of(unlocked, 10**9) is None

        async with publish(livekit_server, ROOM, identity="late", video=None) as late:
            assert late.audio_track is not None
            late.audio_track.mute()
            await until_published(directory, 6)
            async with asyncio.timeout(15):
                while not await is_muted(directory, "late"):
                    await asyncio.sleep(0.05)
        assert set(came) == {"ben", "cora", "late"}, "only publishers joined"
    await directory.close()


async def is_muted(directory: Directory, identity: str) -> bool:
    details = await details_of(directory, ROOM)
    return any(p.muted for _, p in tracks_of(details) if p.participant == identity)


def tracks_of(details: StreamDetails) -> list[tuple[PublishedTrack, Publication]]:
    assert details.published is not None
    return [(each, each.publication) for each in details.published]
