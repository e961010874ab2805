"""Publishes one film in many rooms at once, from one process, for as little CPU as it takes.

`python -m tests.kit.livekit.many_rooms URL COUNT 640x360 KBPS` says READY when all are in their
rooms (`room_name`), and ends with its standard input. Each has a camera, whose frames were encoded
beforehand, and a microphone.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle

from livekit import api, rtc

from tests.kit.livekit.publishing import READY
from tests.kit.livekit.rooms import AUDIO_RATE, Publisher
from tests.kit.livekit.server import KEY, SECRET, Server
from tests.kit.signals.codes import Encoded, encoded

FPS = 30
FILM_S = 60
BLOCK = AUDIO_RATE // 10


@asynccontextmanager
async def many_rooms(server: Server, count: int, size: str, kbps: int) -> AsyncIterator[None]:
    """They are published for as long as the context is open."""
    program = ("-m", "tests.kit.livekit.many_rooms", server.url, str(count), size, str(kbps))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *program), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(300):
            answer = await process.stdout.readline()
        assert answer.decode().strip() == READY, "the publishers ended"
        yield
    finally:
        await process.communicate(b"")


def room_name(number: int) -> str:
    """The room's, and so the stream's."""
    return f"copied {number}"


class _Publisher(Publisher):
    async def publish_audio(self, *, dtx: bool = False) -> None:
        source = rtc.AudioSource(AUDIO_RATE, 1, queue_size_ms=1000)
        self.audio_track = rtc.LocalAudioTrack.create_audio_track("audio", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=dtx)
        await self.room.local_participant.publish_track(self.audio_track, options)
        self._tasks.append(asyncio.create_task(_noise(source)))


async def _noise(source: rtc.AudioSource) -> None:
    """A block of a tenth of a second at a time."""
    block = random.Random(1).randbytes(2 * BLOCK)
    for _ in cycle((None,)):
        await source.capture_frame(rtc.AudioFrame(block, AUDIO_RATE, 1, BLOCK))


async def publish(url: str, count: int, width: int, height: int, kbps: int) -> None:
    """Until standard input ends."""
    film = await asyncio.to_thread(_film, width, height, kbps)
    publishers = []
    for number in range(count):
        publisher = _Publisher(width=width, height=height, fps=FPS)
        publisher.prepared = film
        grants = api.VideoGrants(room_join=True, room=room_name(number))
        token = api.AccessToken(KEY, SECRET).with_identity("publisher").with_grants(grants)
        await publisher.connect(url, token.to_jwt())
        publisher.start_clock()
        await publisher.publish_audio()
        await publisher.publish_video("vp8")
        publishers.append(publisher)
    print(READY, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.gather(*(publisher.close() for publisher in publishers))


def _film(width: int, height: int, kbps: int) -> list[Encoded]:
    """Long enough; frames are filled up to the bit rate, as VP8 allows."""
    once = encoded("vp8", width=width, height=height, fps=FPS, seconds=FILM_S)
    least = kbps * 125 // FPS
    return [(data.ljust(least, b"\0"), key) for data, key in once] * 20


if __name__ == "__main__":
    wide, high = map(int, sys.argv[3].split("x"))
    asyncio.run(publish(sys.argv[1], int(sys.argv[2]), wide, high, int(sys.argv[4])))
