"""Participants who say and write things: a loud voice, an agent that transcribes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import numpy as np
from livekit import api, rtc

from tests.kit.livekit.rooms import AUDIO_RATE, CHUNK
from tests.kit.livekit.server import KEY, SECRET, Address

LOUD: int = 12_000
"""Amplitude of a voice that LiveKit takes for one that speaks (audio.active_level, -35 dBov)."""


class Voice:
    """A participant with a microphone that is quiet until it is told to speak."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.speaks = False
        self.track: rtc.LocalAudioTrack | None = None
        self._feeding: asyncio.Task[None] | None = None

    async def publish(self) -> None:
        source = rtc.AudioSource(AUDIO_RATE, 1, queue_size_ms=0)
        self.track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
        await self.room.local_participant.publish_track(self.track, options)
        self._feeding = asyncio.create_task(self._feed(source))

    async def leave(self) -> None:
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.gather(self._feeding, return_exceptions=True)
        await self.room.disconnect()

    async def _feed(self, source: rtc.AudioSource) -> None:
        wave = np.sin(2 * np.pi * 3000 * np.arange(CHUNK) / AUDIO_RATE)
        loud = (LOUD * wave).astype(np.int16).tobytes()
        began, chunk = time.monotonic(), 0
        while True:
            await asyncio.sleep(max(0.0, began + chunk * CHUNK / AUDIO_RATE - time.monotonic()))
            data = loud if self.speaks else bytes(2 * CHUNK)
            await source.capture_frame(rtc.AudioFrame(data, AUDIO_RATE, 1, CHUNK))
            chunk += 1


@contextlib.asynccontextmanager
async def participant(
    server: Address,
    room: str,
    identity: str,
    *,
    name: str = "",
    kind: api.AccessToken.ParticipantKind = "standard",
    encryption: rtc.E2EEOptions | None = None,
) -> AsyncIterator[rtc.Room]:
    """Somebody in the room, who may publish and send data."""
    joined = rtc.Room()
    grants = api.VideoGrants(room_join=True, room=room, can_update_own_metadata=True)
    token = api.AccessToken(KEY, SECRET).with_identity(identity).with_name(name).with_kind(kind)
    options = rtc.RoomOptions(auto_subscribe=False, encryption=encryption)
    await joined.connect(server.url, token.with_grants(grants).to_jwt(), options)
    try:
        yield joined
    finally:
        await joined.disconnect()


@contextlib.asynccontextmanager
async def voice(server: Address, room: str, identity: str, name: str = "") -> AsyncIterator[Voice]:
    """Somebody with a microphone."""
    async with participant(server, room, identity, name=name) as joined:
        speaker = Voice(joined)
        await speaker.publish()
        try:
            yield speaker
        finally:
            await speaker.leave()
