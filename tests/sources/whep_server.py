"""A small WHEP server on a real socket: aiortc sends the numbered pictures and the beeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction

import av
from aiohttp import web
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from tests.codes import beep, draw
from tests.ports import free_port

FPS = 30
RATE = 48_000
TOKEN = "letmein"


class Pictures(MediaStreamTrack):
    """The numbered pictures."""

    kind = "video"

    def __init__(self, began: float) -> None:
        super().__init__()
        self._began = began
        self._number = 0

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(max(0.0, self._began + self._number / FPS - time.monotonic()))
        frame = draw(self._number, width=320, height=180, fps=FPS)
        frame.pts, frame.time_base = self._number * 90_000 // FPS, Fraction(1, 90_000)
        self._number += 1
        return frame


class Beeps(MediaStreamTrack):
    """A beep each second, in step with the flashes."""

    kind = "audio"

    def __init__(self, began: float) -> None:
        super().__init__()
        self._began = began
        self._at = 0

    async def recv(self) -> av.AudioFrame:
        # A packet of sound exists once it was heard to its end.
        due = self._began + (self._at + 960) / RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        frame = av.AudioFrame.from_ndarray(
            beep(self._at, 960, RATE).reshape(1, -1), format="s16", layout="mono"
        )
        frame.pts, frame.sample_rate, frame.time_base = self._at, RATE, Fraction(1, RATE)
        self._at += 960
        return frame


class WhepServer:
    """Serves /stream; /unknown answers 404. Counts what was taken back by DELETE."""

    def __init__(self, *, audio: bool = True) -> None:
        self.connections: dict[str, RTCPeerConnection] = {}
        self.deleted = 0
        self.posts = 0
        self._audio = audio
        self._runner: web.AppRunner | None = None
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/stream"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/stream", self._offer)
        app.router.add_delete("/sessions/{id}", self._delete)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()

    async def stop(self) -> None:
        await asyncio.gather(*(each.close() for each in self.connections.values()))
        self.connections.clear()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _offer(self, request: web.Request) -> web.Response:
        self.posts += 1
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401, text="who are you?")
        assert request.content_type == "application/sdp"
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        name = f"s{self.posts}"
        self.connections[name] = connection
        began = time.monotonic()
        offer = RTCSessionDescription(sdp=await request.text(), type="offer")
        await connection.setRemoteDescription(offer)
        if self._audio:
            connection.addTrack(Beeps(began))
        connection.addTrack(Pictures(began))
        await connection.setLocalDescription(await connection.createAnswer())
        return web.Response(
            status=201,
            text=connection.localDescription.sdp,
            content_type="application/sdp",
            headers={"Location": f"/sessions/{name}"},
        )

    async def _delete(self, request: web.Request) -> web.Response:
        connection = self.connections.pop(request.match_info["id"], None)
        if connection is None:
            return web.Response(status=404)
        self.deleted += 1
        await connection.close()
        return web.Response()


@asynccontextmanager
async def whep_server(*, audio: bool = True) -> AsyncIterator[WhepServer]:
    server = WhepServer(audio=audio)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
