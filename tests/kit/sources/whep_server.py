"""A small WHEP server on a real socket: aiortc sends numbered video frames and beeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from functools import partial
from typing import Any

import av
from aiohttp import web
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket
from multidict import CIMultiDict

from tests.kit.ports import free_port
from tests.kit.signals.codes import beep, draw, second

FPS = 30
RATE = 48_000
TOKEN = "letmein"


class NumberedFrames(MediaStreamTrack):
    """Video frames that show their number."""

    kind = "video"

    def __init__(self, began: float, late_s: float = 0, codec: str = "") -> None:
        """`codec`: frames are encoded here; else aiortc does it."""
        super().__init__()
        self._began, self._codec = began, codec.lower()
        self._number = int(late_s * FPS)
        """Of the next one; the first comes late."""

    async def recv(self) -> Any:
        how = {"width": 320, "height": 180, "fps": FPS}
        if self._codec:
            at = self._number % FPS
            encode = partial(second, self._codec, **how, first=self._number - at)
            frame: Any = av.Packet((await asyncio.to_thread(encode))[at][0])
        else:
            frame = draw(self._number, **how)
        await asyncio.sleep(max(0.0, self._began + self._number / FPS - time.monotonic()))
        frame.pts, frame.time_base = self._number * 90_000 // FPS, Fraction(1, 90_000)
        self._number += 1
        return frame


class Beeps(MediaStreamTrack):
    """A beep each second, in step with the flashes."""

    kind = "audio"

    def __init__(self, began: float) -> None:
        super().__init__()
        self._began = began
        self._at = self._stalled = 0

    async def recv(self) -> av.AudioFrame:
        # A packet of audio exists once it was heard to its end.
        due = self._began + (self._at + 960) / RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        frame = av.AudioFrame.from_ndarray(
            beep(self._at, 960, RATE).reshape(1, -1), format="s16", layout="mono"
        )
        frame.pts = self._at - self._stalled
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        self._at += 960
        return frame

    def stall(self, for_s: float) -> None:
        """Nothing is captured for so long, and the RTP clock stands still."""
        samples = int(for_s * RATE) // 960 * 960
        self._at, self._stalled = self._at + samples, self._stalled + samples


class WhepServer:
    """Serves /stream; /unknown answers 404. Counts what was taken back by DELETE.

    `counter`: it takes no offers and makes one (406). `links`: ICE servers of its answer.
    `late_s`: when the first frame comes.
    """

    def __init__(
        self,
        *,
        audio: bool = True,
        counter: bool = False,
        links: Sequence[str] = (),
        late_s: float = 0,
    ) -> None:
        self.connections: dict[str, RTCPeerConnection] = {}
        self.deleted = 0
        self.posts = 0
        self.links = links
        self.alters: Callable[[str], str] = str
        """What it makes of aiortc's description before it gives it."""
        self.location: str | None = "/sessions/{name}"
        """Of a session, in its answers; None: it names none."""
        self.busy = 0
        """So many offers are put off (503, Retry-After)."""
        self.audio_codec: str | None = None
        """The only one it has, such as ``PCMU``; None: aiortc's first."""
        self.codec = ""
        """Of the video, where aiortc doesn't choose: ``VP9``, ``AV1``, ``H265`` (see `Packing`)."""
        self.away: int | None = None
        """The status that offers get while nobody publishes; None: somebody does."""
        self._audio = audio
        self._counter = counter
        self._late_s = late_s
        self._wall_clock_s = 0.0
        self._beeps: list[Beeps] = []
        self._runner: web.AppRunner | None = None
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/stream"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/stream", self._offer)
        app.router.add_post("/moved", self._moved)
        app.router.add_delete("/sessions/{id}", self._delete)
        app.router.add_patch("/sessions/{id}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()

    async def stop(self) -> None:
        # First that: who notices the end of a connection asks again at once.
        if self._runner is not None:
            await self._runner.cleanup()
        await asyncio.gather(*(each.close() for each in self.connections.values()))
        self.connections.clear()

    def step_wall_clock(self, by_s: float) -> None:
        """Sets the clock that sender reports are made with."""
        self._wall_clock_s += by_s

    def stall_audio(self, for_s: float) -> None:
        """Nothing is heard for so long; the RTP clock stands still."""
        for each in self._beeps:
            each.stall(for_s)

    def _tell_wrong_time(self, sender: RTCRtpSender) -> None:
        send = sender._send_rtcp

        async def send_wrong_time(packets: list[AnyRtcpPacket]) -> None:
            for packet in packets:
                if isinstance(packet, RtcpSrPacket) and packet.sender_info.ntp_timestamp:
                    packet.sender_info.ntp_timestamp += int(self._wall_clock_s * (1 << 32))
            await send(packets)

        setattr(sender, "_send_rtcp", send_wrong_time)  # noqa: B010

    async def _offer(self, request: web.Request) -> web.Response:
        self.posts += 1
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401, text="who are you?")
        if self.away is not None:
            return web.Response(status=self.away, text="no one is publishing")
        if self.busy:
            self.busy -= 1
            return web.Response(status=503, headers={"Retry-After": "0"})
        assert request.content_type == "application/sdp"
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        name = f"s{self.posts}"
        self.connections[name] = connection
        began = time.monotonic()
        if not self._counter:
            sdp = await request.text()
            if self.audio_codec is not None:
                sdp = with_one_audio_codec(sdp, self.audio_codec)
            offer = RTCSessionDescription(sdp=sdp, type="offer")
            await connection.setRemoteDescription(offer)
        if self._audio:
            self._beeps.append(Beeps(began))
            self._tell_wrong_time(connection.addTrack(self._beeps[-1]))
        video = NumberedFrames(began, self._late_s, self.codec)
        self._tell_wrong_time(connection.addTrack(video))
        if self.codec:
            send_only(connection, self.codec)
        await connection.setLocalDescription()
        sdp = self.alters(connection.localDescription.sdp)
        headers = CIMultiDict(ETag='"first"')
        if self.location is not None:
            headers["Location"] = self.location.format(name=name)
        for link in self.links:
            headers.add("Link", link)
        return web.Response(
            status=406 if self._counter else 201,
            text=sdp,
            content_type="application/sdp",
            headers=headers,
        )

    async def _moved(self, request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "stream"})

    async def _answer(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/sdp"
        assert request.headers["If-Match"] == '"first"'
        answer = RTCSessionDescription(sdp=await request.text(), type="answer")
        await self.connections[request.match_info["id"]].setRemoteDescription(answer)
        return web.Response(status=204)

    async def _delete(self, request: web.Request) -> web.Response:
        connection = self.connections.pop(request.match_info["id"], None)
        if connection is None:
            return web.Response(status=404)
        self.deleted += 1
        await connection.close()
        return web.Response()


def send_only(connection: RTCPeerConnection, codec: str) -> None:
    """The connection's video in this codec."""
    for transceiver in connection.getTransceivers():
        if transceiver.kind == "video":
            transceiver._codecs = [each for each in transceiver._codecs if each.name == codec]


def retransmissions_first(sdp: str) -> str:
    """The description as servers write it that list rtx before what it repeats."""
    lines = sdp.split("\r\n")
    rtx = {line[9:].split()[0] for line in lines if line.startswith("a=rtpmap:") and "rtx/" in line}
    assert rtx
    for number, line in enumerate(lines):
        if line.startswith("m=video"):
            media, formats = line.split()[:3], line.split()[3:]
            formats.sort(key=lambda each: each not in rtx)
            lines[number] = " ".join([*media, *formats])
    return "\r\n".join(lines)


def with_one_audio_codec(sdp: str, codec: str) -> str:
    """The offer as if the client had no other one for audio."""
    sections = sdp.split("m=")
    at = next(number for number, each in enumerate(sections) if each.startswith("audio"))
    lines = sections[at].split("\r\n")
    (kept,) = (line[9:].split()[0] for line in lines if f" {codec}/" in line)
    others = {*lines[0].split()[3:]} - {kept}
    about = tuple(f"a={what}:{one} " for what in ("rtpmap", "fmtp", "rtcp-fb") for one in others)
    lines[0] = " ".join([*lines[0].split()[:3], kept])
    sections[at] = "\r\n".join(line for line in lines if not line.startswith(about))
    return "m=".join(sections)


def without_directions(sdp: str) -> str:
    """The description as servers write it that send and don't say so (RFC 8866 §6.7)."""
    return sdp.replace("a=sendonly\r\n", "").replace("a=sendrecv\r\n", "")


def with_one_direction(sdp: str) -> str:
    """The same, where the session's line says so for all."""
    return without_directions(sdp).replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n")


def rejecting_audio(sdp: str) -> str:
    """The answer as servers write it that have no audio: its section is one line."""
    session, audio, video = sdp.split("m=")
    assert audio.startswith("audio")
    session = session.replace("BUNDLE 0 1", "BUNDLE 1")
    return f"{session}m=audio 0 UDP/TLS/RTP/SAVPF 0\r\nm={video}"


@asynccontextmanager
async def whep_server(
    *,
    audio: bool = True,
    counter: bool = False,
    links: Sequence[str] = (),
    late_s: float = 0,
) -> AsyncIterator[WhepServer]:
    server = WhepServer(audio=audio, counter=counter, links=links, late_s=late_s)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
