"""A publisher of this process: aiortc sends numbered frames and beeps, and offers them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

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


@asynccontextmanager
async def offering(
    kinds: Sequence[str] = KINDS, *, codec: str = "video/VP8"
) -> AsyncIterator[Offering]:
    """Offers what it sends: one track of each of these kinds."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    began = time.monotonic()
    for kind in kinds:
        track = Beeps(began) if kind == "audio" else NumberedFrames(began)
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
