"""A WHEP viewer, as small as it can be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urljoin

import av
import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

SDP = {"Content-Type": "application/sdp"}


class Viewer:
    """One session at a WHEP address; frames come from `audio` and `video`."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._audio = self.connection.addTransceiver("audio", direction="recvonly")
        self._video = self.connection.addTransceiver("video", direction="recvonly")
        self.session = ""
        self.ended = asyncio.Event()
        self.connection.on("connectionstatechange", self._on_state)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def watch(self, url: str) -> None:
        async with httpx.AsyncClient() as client:
            response = await client.post(url, content=await self.offer(), headers=SDP)
        assert response.status_code == 201
        self.session = urljoin(url, response.headers["location"])
        answer = RTCSessionDescription(response.text, "answer")
        await self.connection.setRemoteDescription(answer)

    async def audio_frames(self, number: int) -> list[av.AudioFrame]:
        frames = [await self._audio.receiver.track.recv() for _ in range(number)]
        return [frame for frame in frames if isinstance(frame, av.AudioFrame)]

    async def frames(self, number: int) -> list[av.VideoFrame]:
        frames = [await self._video.receiver.track.recv() for _ in range(number)]
        return [frame for frame in frames if isinstance(frame, av.VideoFrame)]

    def _on_state(self) -> None:
        if self.connection.connectionState in ("closed", "failed"):
            self.ended.set()


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[Viewer]:
    viewer = Viewer()
    try:
        await viewer.watch(url)
        yield viewer
    finally:
        await viewer.connection.close()
