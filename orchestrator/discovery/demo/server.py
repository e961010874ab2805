"""The demo publisher: a WHEP server on the loopback address (draft-ietf-wish-whep).

POST /whep takes an SDP offer and answers 201 with the answer and the session's address in Location;
DELETE of that address ends the session. At most 16 viewers; one that doesn't connect within 15 s is
dropped.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Final

import aioice.ice
import uvicorn
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from orchestrator.discovery.demo.broadcaster import Broadcaster, SharedTrack
from orchestrator.media import TrackKind

HOST: Final = "127.0.0.1"
MAX_VIEWERS: Final = 16
MAX_OFFER_BYTES: Final = 64 * 1024
CONNECT_TIMEOUT_S: Final = 15.0
MIME_TYPES: Final = {TrackKind.AUDIO: "audio/opus", TrackKind.VIDEO: "video/VP8"}
"""The codecs of the shared encoders, the only ones that a viewer may negotiate."""

_BAD_OFFER: Final = (
    ValueError,
    LookupError,
    AttributeError,
    AssertionError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)
"""What aiortc raises for SDP that it can't parse or negotiate."""


class Viewer:
    """One WHEP session: a peer connection that only sends."""

    def __init__(self, broadcaster: Broadcaster) -> None:
        self.id = uuid.uuid4().hex
        self._broadcaster = broadcaster
        self._tracks = (SharedTrack(TrackKind.AUDIO), SharedTrack(TrackKind.VIDEO))
        # Without a STUN server: everybody is on this machine.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.on("connectionstatechange", self._on_state)
        self._changed = asyncio.Event()

    async def answer(self, offer: str) -> str:
        """The SDP answer to the offer; raises one of _BAD_OFFER."""
        for track in self._tracks:
            transceiver = self._connection.addTransceiver(track, direction="sendonly")
            kind = TrackKind(track.kind)
            codecs = RTCRtpSender.getCapabilities(kind).codecs
            transceiver.setCodecPreferences([c for c in codecs if c.mimeType == MIME_TYPES[kind]])
        await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        return self._connection.localDescription.sdp

    async def serve(self) -> None:
        """Sends until the viewer is gone; drops one that doesn't connect."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._wait_until("connected", "failed", "closed")
            if self._connection.connectionState == "connected":
                self._broadcaster.add(self._tracks)
                await self._wait_until("failed", "closed")
        except TimeoutError:
            print(f"viewer {self.id} did not connect", file=sys.stderr)
        finally:
            self._broadcaster.remove(self._tracks)
            await self._connection.close()

    async def close(self) -> None:
        """Ends the session; `serve` then returns."""
        await self._connection.close()

    def _on_state(self) -> None:
        self._changed.set()

    async def _wait_until(self, *states: str) -> None:
        while self._connection.connectionState not in states:
            self._changed.clear()
            await self._changed.wait()


class Whep:
    """The HTTP side: sessions by their id."""

    def __init__(self) -> None:
        self.broadcaster = Broadcaster()
        self._viewers: dict[str, tuple[Viewer, asyncio.Task[None]]] = {}

    def app(self) -> Starlette:
        """The ASGI application; its end is the end of every session."""
        return Starlette(
            routes=[
                Route("/whep", self.create, methods=["POST"]),
                Route("/whep/{id}", self.delete, methods=["DELETE"]),
            ],
            lifespan=self._lifespan,
        )

    async def create(self, request: Request) -> Response:
        """POST: an offer in, an answer out."""
        if request.headers.get("content-type", "").split(";")[0] != "application/sdp":
            return PlainTextResponse("The offer has to be application/sdp.", 415)
        if len(self._viewers) >= MAX_VIEWERS:
            return PlainTextResponse(f"All {MAX_VIEWERS} places are taken.", 503)
        offer = await _body(request)
        if offer is None:
            return PlainTextResponse(f"An offer has at most {MAX_OFFER_BYTES} bytes.", 413)
        viewer = Viewer(self.broadcaster)
        try:
            answer = await viewer.answer(offer)
        except _BAD_OFFER as error:
            await viewer.close()
            return PlainTextResponse(f"The offer can't be answered: {error}", 400)
        self._admit(viewer)
        headers = {"Location": f"/whep/{viewer.id}"}
        return Response(answer, 201, headers=headers, media_type="application/sdp")

    async def delete(self, request: Request) -> Response:
        """DELETE: the end of a session."""
        found = self._viewers.get(request.path_params["id"])
        if found is None:
            return PlainTextResponse("No such session.", 404)
        viewer, task = found
        await viewer.close()
        await task
        return Response(status_code=200)

    def _admit(self, viewer: Viewer) -> None:
        task = asyncio.create_task(viewer.serve())
        self._viewers[viewer.id] = (viewer, task)
        task.add_done_callback(lambda _: self._viewers.pop(viewer.id, None))

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        yield
        sessions = list(self._viewers.values())
        await asyncio.gather(*(viewer.close() for viewer, _ in sessions))
        await asyncio.gather(*(task for _, task in sessions))
        await self.broadcaster.close()


async def _body(request: Request) -> str | None:
    """The request's body, None if it is too large to be an offer."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MAX_OFFER_BYTES:
            return None
    return data.decode(errors="replace")


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which would raise the signal again at the end."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()

    def end(self) -> None:
        self.should_exit = True


def run(port: int = 0) -> None:
    """Serves the demo until SIGTERM, SIGINT, or the end of standard input if that is a pipe.

    Prints the stream's WHEP address as its first line. OSError if the port is taken.
    """
    _offer_loopback()
    with socket.create_server((HOST, port)) as listener:
        asyncio.run(_serve(listener))


async def _serve(listener: socket.socket) -> None:
    config = uvicorn.Config(
        Whep().app(), log_level="warning", lifespan="on", timeout_graceful_shutdown=1
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.end)
    _watch_lifeline(loop, server)
    # Only now: whoever reads it may send a signal at once.
    print(f"http://{HOST}:{listener.getsockname()[1]}/whep", flush=True)
    await server.serve(sockets=[listener])


def _watch_lifeline(loop: asyncio.AbstractEventLoop, server: _Server) -> None:
    """Ends the server with the process that holds the other end of our standard input."""
    if sys.stdin is None:
        return
    descriptor = sys.stdin.fileno()
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return

    def on_readable() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            server.end()

    loop.add_reader(descriptor, on_readable)


def _offer_loopback() -> None:
    """Lets ICE use 127.0.0.1 too: aioice leaves it out, and there may be no other interface."""
    others = aioice.ice.get_host_addresses

    def addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        return [HOST, *others(use_ipv4, use_ipv6)]

    aioice.ice.get_host_addresses = addresses


if __name__ == "__main__":
    run()
