"""Rooms with several people: a host, and quiet microphones with a tone each."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from livekit import rtc

from tests.kit.livekit.rooms import AUDIO_RATE, CHUNK, Publisher, publish
from tests.kit.livekit.server import Address, Server
from tests.kit.signals.tones import AMPLITUDE, TONES

GUESTS: Final = TONES[:2]
"""The tones of a conference's guests."""


class Microphone:
    """A participant with one tone, until it leaves."""

    def __init__(
        self,
        server: Address,
        room: str,
        identity: str,
        tone: int,
        encryption: rtc.E2EEOptions | None = None,
    ) -> None:
        self.identity, self.tone = identity, tone
        self._encryption = encryption
        self.stalled = False
        """While it is set no frame is captured: the microphone's RTP clock stands still."""
        self.publication: rtc.LocalTrackPublication | None = None
        self.track: rtc.LocalAudioTrack | None = None
        self._server, self._room_name = server, room
        self._room: rtc.Room | None = None
        self._feeding: asyncio.Task[None] | None = None

    async def join(self) -> None:
        """Joins the room and speaks."""
        self._room = rtc.Room()
        token = self._server.token(self._room_name, self.identity, publish=True)
        options = rtc.RoomOptions(auto_subscribe=False, encryption=self._encryption)
        await self._room.connect(self._server.url, token, options)
        await self.publish()

    async def publish(self) -> None:
        """Begins to speak, in a new publication."""
        assert self._room is not None
        self.track, self.publication, self._feeding = await speak(
            self._room, self.tone, lambda: self.stalled
        )

    async def unpublish(self) -> None:
        """Takes the microphone back and stays in the room."""
        assert self._room is not None
        assert self.publication is not None
        await self._silence()
        await self._room.local_participant.unpublish_track(self.publication.sid)

    async def leave(self) -> None:
        """Leaves the room; may be called again."""
        await self._silence()
        if self._room is not None:
            room, self._room = self._room, None
            await room.disconnect()

    async def _silence(self) -> None:
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.gather(self._feeding, return_exceptions=True)


async def speak(
    room: rtc.Room,
    tone: int,
    stalled: Any = lambda: False,
    source: rtc.TrackSource.ValueType = rtc.TrackSource.SOURCE_MICROPHONE,
) -> tuple[rtc.LocalAudioTrack, rtc.LocalTrackPublication, asyncio.Task[None]]:
    """Publishes one tone: track, publication, and the task that feeds it."""
    audio = rtc.AudioSource(AUDIO_RATE, 1, queue_size_ms=0)
    track = rtc.LocalAudioTrack.create_audio_track(f"tone {tone}", audio)
    options = rtc.TrackPublishOptions(source=source, dtx=False)
    publication = await room.local_participant.publish_track(track, options)
    return track, publication, asyncio.create_task(_feed(audio, tone, stalled))


async def _feed(source: rtc.AudioSource, tone: int, stalled: Any) -> None:
    phase = 2 * np.pi * tone * np.arange(AUDIO_RATE) / AUDIO_RATE
    second = (AMPLITUDE * np.sin(phase)).astype(np.int16)
    began, chunk = time.monotonic(), 0
    while True:
        await asyncio.sleep(max(0.0, began + chunk * CHUNK / AUDIO_RATE - time.monotonic()))
        if not stalled():
            at = chunk * CHUNK % AUDIO_RATE
            samples = second[at : at + CHUNK].tobytes()
            await source.capture_frame(rtc.AudioFrame(samples, AUDIO_RATE, 1, CHUNK))
        chunk += 1


@contextlib.asynccontextmanager
async def microphones(
    server: Server,
    room: str,
    count: int,
    *,
    first: int = 0,
    encryption: rtc.E2EEOptions | None = None,
) -> AsyncIterator[list[Microphone]]:
    """So many people with a microphone, in the room when it begins; they leave at its end."""
    made = [microphone(server, room, each, encryption) for each in range(first, first + count)]
    try:
        for each in made:
            await each.join()
        yield made
    finally:
        await asyncio.gather(*(each.leave() for each in made))


def microphone(
    server: Address, room: str, number: int, encryption: rtc.E2EEOptions | None = None
) -> Microphone:
    """Somebody who is not in the room yet."""
    return Microphone(server, room, f"speaker-{number}", TONES[number], encryption)


@dataclass
class Conference:
    """A room with three publishers: a host with numbered frames and beeps, and two microphones."""

    host: Publisher
    guests: list[Microphone]
    late: Microphone
    """Not there yet."""


@contextlib.asynccontextmanager
async def conference(server: Server, room: str, **host: Any) -> AsyncIterator[Conference]:
    """The usual room of a test; `host` as for `tests.kit.livekit.rooms.publish`, and all have its
    `encryption`."""
    encryption = host.get("encryption")
    async with (
        publish(server, room, **host) as publisher,
        microphones(server, room, 2, encryption=encryption) as guests,
    ):
        late = microphone(server, room, 2, encryption)
        try:
            yield Conference(publisher, guests, late)
        finally:
            await late.leave()
