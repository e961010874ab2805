"""A tap on a receiver of aiortc, without a network."""

from __future__ import annotations

import time
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from orchestrator.media import MAX_FRAME_PIXELS, SECOND_NS, TrackKind
from orchestrator.sources.aiortc.internals import INTERNALS
from orchestrator.sources.aiortc.receiver_tap import ReceiverTap
from orchestrator.sources.decoder_threads import DecoderThreads
from orchestrator.sources.e2ee.key_ring import KeyRing
from orchestrator.sources.received_media import ArrivedFrame, SenderReport
from orchestrator.sources.rtp_packet import Packet

VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=97)
H264 = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90_000, payloadType=96)
OPUS = RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48_000, payloadType=97)
RTX = RTCRtpCodecParameters(
    mimeType="video/rtx", clockRate=90_000, payloadType=97, parameters={"apt": 96}
)


class Owner:
    """Stands for the connection."""

    def __init__(self) -> None:
        self.listener = self
        self.labels: dict[int, str] = {}
        self.streams = 0
        self.reports: list[SenderReport] = []
        self.frames: list[ArrivedFrame] = []
        self.max_frame_pixels = MAX_FRAME_PIXELS
        self.keyframe_interval_s: float | None = None
        self.now_ns = 0
        self.unwanted: set[str] = set()
        self.without_keyframe: list[str] = []
        self.rings: dict[str, KeyRing] = {}
        """What decrypts publications; others are not encrypted."""
        self.undecrypted: list[tuple[str, str | None]] = []
        self.injected_trailer = b""

    def wants(self, label: str) -> bool:
        return label not in self.unwanted

    def key_ring(self, label: str) -> KeyRing | None:
        return self.rings.get(label)

    def undecryptable(self, label: str, why: str | None) -> None:
        self.undecrypted.append((label, why))

    def no_keyframe(self, label: str) -> None:
        self.without_keyframe.append(label)

    def video_too_large(self, label: str, width: int, height: int) -> None: ...

    def threads(self, kind: TrackKind) -> DecoderThreads:
        return DecoderThreads(kind)

    def label(self, ssrc: int, mid: str | None) -> str:
        return self.labels.get(ssrc, "")

    def has_ssrc(self, ssrc: int) -> bool:
        return ssrc in self.labels

    def next_stream(self) -> int:
        self.streams += 1
        return self.streams

    def arrival_ns(self) -> int:
        return self.now_ns or time.monotonic_ns()

    def frame_arrived(self, arrived: ArrivedFrame) -> None:
        self.frames.append(arrived)

    def report_arrived(self, arrived: SenderReport) -> None:
        self.reports.append(arrived)


class Sent:
    """A tap whose RTCP goes nowhere, and the packets of a video put into it."""

    def __init__(
        self,
        kind: str = "video",
        interval_s: float | None = 4.0,
        tap: type[ReceiverTap] = ReceiverTap,
        codec: RTCRtpCodecParameters = VP8,
    ) -> None:
        self.connection, self.owner = RTCPeerConnection(RTCConfiguration(iceServers=[])), Owner()
        self.owner.keyframe_interval_s = interval_s
        self.owner.labels = {1: "camera"}
        self.owner.now_ns = SECOND_NS
        transceiver = self.connection.addTransceiver(kind, direction="recvonly")
        self.tap = tap(self.owner, transceiver)
        self.receiver = transceiver.receiver
        self.plis, self.nacks = list[int](), list[list[int]]()
        codecs = getattr(self.receiver, INTERNALS["codecs"])
        codecs.update({96: codec, 97: RTX, 111: OPUS})
        getattr(self.receiver, INTERNALS["rtx_ssrc"])[2] = 1
        setattr(self.receiver, "_send_rtcp_pli", self._pli)  # noqa: B010
        setattr(self.receiver, "_send_rtcp_nack", self._nack)  # noqa: B010

    async def _pli(self, ssrc: int) -> None:
        self.plis.append(ssrc)

    async def _nack(self, ssrc: int, lost: list[int]) -> None:
        self.nacks.append(lost)

    async def frame(self, number: int, *, key: bool = False, ssrc: int = 1) -> None:
        await self.put(Packet(number, 3000 * number, ssrc, 96, 1, video_payload(key=key)))

    async def put(self, packet: Packet) -> None:
        handled: Any = self.receiver
        await handled._handle_rtp_packet(packet, 0)

    def delivered(self) -> list[tuple[str, int]]:
        """Labels and RTP times in frames."""
        self.tap.deliver()
        found = [(each.label, (each.rtp & 0xFFFFFFFF) // 3000) for each in self.owner.frames]
        self.owner.frames.clear()
        return found


def video_payload(*, key: bool) -> bytes:
    """A frame of VP8 in one packet: only its header counts here."""
    return b"\x10\x10\x00\x00\x9d\x01\x2a\x40\x01\xb4\x00" if key else b"\x10\x11"
