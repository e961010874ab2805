"""A publisher in a process of its own, which follows commands; so its CPU isn't the test's.

`python -m tests.kit.livekit.publishing URL ROOM --size 1280x720` publishes until its standard input
ends. Each line of it is a command (`COMMANDS`), each is answered with a line.
"""

from __future__ import annotations

import argparse
import asyncio
import pickle
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from livekit import api

from tests.kit.livekit.crowd import microphone
from tests.kit.livekit.encryption import shared
from tests.kit.livekit.rooms import Publisher
from tests.kit.livekit.server import KEY, SECRET, Address, Server
from tests.kit.signals.codes import encoded

READY: Final = "ready"


class RemotePublisher:
    """The handle of such a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, command: str) -> None:
        """Has it do one of `COMMANDS`; returns when it is done."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        await self.until_ready()

    async def until_ready(self) -> None:
        """Waits for its answer."""
        assert self._process.stdout is not None
        async with asyncio.timeout(180):
            answer = (await self._process.stdout.readline()).decode().strip()
        assert answer == READY, answer or "the publisher ended"

    async def close(self) -> None:
        """Ends the process, which leaves the room."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


@asynccontextmanager
async def publishing(server: Server, room: str, *options: str) -> AsyncIterator[RemotePublisher]:
    """Publishes in the room for as long as the context is open."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.kit.livekit.publishing", server.url, room, *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    remote = RemotePublisher(process)
    try:
        await remote.until_ready()
        yield remote
    finally:
        await remote.close()


class _Program:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.publisher = self._make()
        self._began: float | None = arguments.began
        server, room = Address(arguments.url), arguments.room
        self.guests = [microphone(server, room, number) for number in range(arguments.guests)]

    def _make(self) -> Publisher:
        width, height = map(int, self.arguments.size.split("x"))
        given = self.arguments
        how = {"width": width, "height": height, "fps": given.fps}
        encryption = shared() if given.encrypted else None
        more = {"tone": given.tone, "encryption": encryption}
        made = Publisher(**how, drift_ppm=given.drift_ppm, **more)
        if given.prepared:
            made.prepared = pickle.loads(given.prepared.read_bytes())
        elif given.prepare and given.video != "none":
            made.prepared = encoded(given.video, **how, seconds=given.prepare)
        if given.pad_kbps:
            size = given.pad_kbps * 125 // given.fps
            made.prepared = [(data.ljust(size, b"\0"), key) for data, key in made.prepared]
        return made

    async def join(self) -> None:
        """The host, and the guests."""
        await asyncio.gather(self.host_join(), *(each.join() for each in self.guests))

    async def host_join(self) -> None:
        given = self.arguments
        grants = api.VideoGrants(room_join=True, room=given.room)
        token = api.AccessToken(KEY, SECRET).with_identity(given.identity).with_grants(grants)
        self.publisher = self._make()
        await self.publisher.connect(given.url, token.to_jwt())
        self._began = self.publisher.start_clock(self._began)
        await self.publish()

    async def publish(self) -> None:
        given = self.arguments
        if given.audio != "none":
            await self.publisher.publish_audio(dtx=given.audio == "dtx")
        if given.video != "none":
            layered = {"simulcast": given.simulcast, "layers": given.layers}
            await self.publisher.publish_video(given.video, **layered)

    async def unpublish(self) -> None:
        await self.publisher.unpublish()

    async def leave(self) -> None:
        """The host, and the guests."""
        await asyncio.gather(self.host_leave(), *(each.leave() for each in self.guests))

    async def host_leave(self) -> None:
        await self.publisher.close()

    async def mute_audio(self) -> None:
        assert self.publisher.audio_track is not None
        self.publisher.audio_track.mute()

    async def unmute_audio(self) -> None:
        assert self.publisher.audio_track is not None
        self.publisher.audio_track.unmute()

    async def mute_video(self) -> None:
        assert self.publisher.video_track is not None
        self.publisher.video_track.mute()

    async def unmute_video(self) -> None:
        assert self.publisher.video_track is not None
        self.publisher.video_track.unmute()

    async def stall_audio(self, for_s: str) -> None:
        """Begins; it ends by itself."""
        self.publisher.stalls.begin("audio", float(for_s))

    async def stall_video(self, for_s: str) -> None:
        self.publisher.stalls.begin("video", float(for_s))

    async def resize(self, size: str) -> None:
        self.arguments.size = size
        await self.unpublish()
        self.publisher.width, self.publisher.height = map(int, size.split("x"))
        self.publisher.prepared = []
        await self.publish()

    async def run(self) -> None:
        await self.join()
        print(READY, flush=True)
        commands = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
        )
        while line := (await commands.readline()).decode().split():
            await getattr(self, COMMANDS[line[0]].__name__)(*line[1:])
            print(READY, flush=True)
        await self.leave()


COMMANDS: Final[dict[str, Callable[..., Awaitable[None]]]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        *(_Program.join, _Program.leave, _Program.host_join, _Program.host_leave),
        *(_Program.publish, _Program.unpublish, _Program.resize),
        *(_Program.mute_audio, _Program.unmute_audio),
        *(_Program.mute_video, _Program.unmute_video),
        *(_Program.stall_audio, _Program.stall_video),
    )
}


def main() -> None:
    """Publish until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("room")
    parser.add_argument("--identity", default="publisher")
    parser.add_argument("--video", choices=["vp8", "h264", "vp9", "av1", "none"], default="vp8")
    parser.add_argument("--audio", choices=["opus", "dtx", "none"], default="opus")
    parser.add_argument("--simulcast", action="store_true")
    parser.add_argument("--layers", default="", help="a scalability mode, L3T3_KEY for example")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--prepare", type=int, default=0, metavar="SECONDS", help="encode before")
    parser.add_argument("--prepared", type=Path, help="a pickled list[Encoded] to send first")
    parser.add_argument("--pad-kbps", type=int, default=0, help="of prepared VP8, filled up")
    parser.add_argument("--drift-ppm", type=float, default=0)
    parser.add_argument("--tone", type=int, default=0, help="Hz of the host's, beside the beeps")
    parser.add_argument("--encrypted", action="store_true", help="end to end, the host")
    parser.add_argument("--guests", type=int, default=0, help="people with a microphone")
    parser.add_argument("--began", type=float, help="time.monotonic() of frame 0; else now")
    asyncio.run(_Program(parser.parse_args()).run())


if __name__ == "__main__":
    main()
