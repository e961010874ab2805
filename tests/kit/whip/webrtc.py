"""A publisher of this process: aiortc sends numbered frames and beeps, and offers them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from orchestrator.stream_copy.bitstreams import nal_units
from tests.kit.sources.whep_server import Beeps, NumberedFrames

KINDS = ("audio", "video")


class Offering:
    """A publisher that has made its offer."""

    def __init__(self, connection: RTCPeerConnection) -> None:
        self.connection = connection

    @property
    def sdp(self) -> str:
        """Its offer, with its addresses."""
        return str(self.connection.localDescription.sdp)

    async def take(self, answer: str) -> None:
        """Connects as it is answered."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))


class SetsOnce(NumberedFrames):
    """Numbered frames in H.264 whose parameter sets come with the first of them, or never."""

    def __init__(self, *, in_stream: bool) -> None:
        super().__init__(time.monotonic(), codec="h264")
        self._sent = not in_stream
        self.sets: list[bytes] = []
        """Those that were left out, as NAL units."""

    async def recv(self) -> Any:
        packet = await super().recv()
        if not self._sent:
            self._sent = True
            return packet
        units = list(nal_units(bytes(packet)))
        self.sets = [unit for unit in units if unit[0] & 31 in (7, 8)] or self.sets
        kept = av.Packet(b"".join(b"\0\0\0\1" + u for u in units if u not in self.sets))
        kept.pts, kept.time_base = packet.pts, packet.time_base
        return kept


@asynccontextmanager
async def offering(
    kinds: Sequence[str] = KINDS,
    *,
    codec: str = "video/VP8",
    video: MediaStreamTrack | None = None,
) -> AsyncIterator[Offering]:
    """Offers what it sends: one track of each of these kinds; `video`: another than in VP8."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    began = time.monotonic()
    for kind in kinds:
        track = Beeps(began) if kind == "audio" else video or NumberedFrames(began)
        transceiver = connection.addTransceiver(track, direction="sendonly")
        if kind == "video":
            transceiver.setCodecPreferences(_only(codec))
    await connection.setLocalDescription(await connection.createOffer())
    try:
        yield Offering(connection)
    finally:
        await connection.close()


def _only(mime_type: str) -> list[RTCRtpCodecCapability]:
    codecs = RTCRtpSender.getCapabilities("video").codecs
    return [codec for codec in codecs if codec.mimeType == mime_type]
