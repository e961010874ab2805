"""Looks into an aiortc receiver. The one module that knows aiortc's internals.

What aiortc 1.16 doesn't offer and a recorder needs, done on each `RTCRtpReceiver` before it starts:

- the RTP time of every frame (its own `pts` starts anywhere, and leaps when the SSRC changes);
- the arrival of a frame's *first* packet (a video frame is handed out only when the next one
  starts, an audio frame three packets later);
- the RTCP sender reports;
- SSRCs and payload types that a later offer adds to a running receiver (aiortc reads them once, so
  packets of a new publication in a used transceiver would be discarded beside a second video);
- an RTCP BYE must not end the receiver: the transceiver may be used again;
- a receiver that a second offer adds during the DTLS handshake must start (aiortc forgets it);
- a busy machine must not look like a congested network: aiortc's estimate of the bit rate (REMB)
  judges arrivals by when they are processed, and an SFU that hears it falling pauses the video;
- an end to the queues of encoded and of decoded frames, which would grow without one;
- decoded frames taken together, not each with a wake-up of its own (`decoder`);
- after a loss aiortc's jitter buffers throw good packets away, or wait for seconds (`ordering`);
- an empty RTP payload (an SFU's probe) must not reach the decoder, which would end there.

`tests/sources/test_tap.py` fails when a name in `INTERNALS` is gone.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import av
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpTransceiver
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtp import AnyRtcpPacket, RtcpByePacket, RtcpSrPacket, RtpPacket
from aiortc.sdp import MediaDescription

from orchestrator.media import TrackKind
from orchestrator.sources.arrived import ArrivedFrame, ArrivedReport, TapOwner
from orchestrator.sources.decoder import Decoder, Frame
from orchestrator.sources.ordering import AudioOrder, VideoOrder, begins_key_frame
from orchestrator.sources.standins import STREAM_SHIFT, RtpTime, Willing

INTERNALS: Final = {
    name: f"_RTCRtpReceiver__{name}"
    for name in (
        "codecs",
        "decoder_error",
        "decoder_queue",
        "jitter_buffer",
        "nack_generator",
        "remote_bitrate_estimator",
        "remote_streams",
        "rtx_ssrc",
        "timestamp_mapper",
    )
}
"""Attributes of `RTCRtpReceiver` read or replaced here."""

CONNECT: Final = "_RTCPeerConnection__connect"
"""Starts transports and receivers; harmless where they are started."""

ARRIVALS: Final = 512
"""Frames whose first packet's arrival is remembered: more than any jitter buffer holds."""

LATE_NS: Final = 2_000_000_000
"""After a change of SSRC, packets of the old one are late, not a change back."""

LARGEST_FILLER: Final = 16
"""LiveKit sends a few 8x8 (VP8) or 2x2 (H.264) black frames when a video is muted or unpublished
(livekit-server, pkg/sfu/downtrack.go, writeBlankFrameRTP); no picture is so small."""


async def start_receivers(connection: RTCPeerConnection) -> None:
    """Starts the receivers that aiortc left out because the transport was not connected yet."""
    await getattr(connection, CONNECT)()


@dataclass(slots=True)
class _Stream:
    """One RTP stream seen by a receiver."""

    number: int
    ssrc: int
    label: str


class Tap:
    """One receiver, with its packets, reports and frames looked at on their way."""

    def __init__(self, peer: TapOwner, transceiver: RTCRtpTransceiver) -> None:
        self.transceiver = transceiver
        self.receiver: RTCRtpReceiver = transceiver.receiver
        self.kind = TrackKind(transceiver.kind)
        self._peer = peer
        self._streams: deque[_Stream] = deque(maxlen=4)
        self._arrivals: dict[int, int] = {}
        self._early: RtcpSrPacket | None = None
        self._rate = 90_000 if self.kind is TrackKind.VIDEO else 48_000
        self._gone = (0, 0)
        self._switched_ns = 0
        self.frames = 0
        self.reports = 0
        self._time = RtpTime()
        self._codec: Any = None
        self._decoder = Decoder(self.kind, self._get("decoder_error"))
        self._set("timestamp_mapper", self._time)
        self._set("decoder_queue", self._decoder)
        self._order: AudioOrder | VideoOrder = self._use_order()
        if self.kind is TrackKind.VIDEO:
            self._set("remote_bitrate_estimator", Willing())
        self._handle_rtp = self.receiver._handle_rtp_packet
        self._handle_rtcp = self.receiver._handle_rtcp_packet
        setattr(self.receiver, "_handle_rtp_packet", self._rtp_arrived)  # noqa: B010
        setattr(self.receiver, "_handle_rtcp_packet", self._rtcp_arrived)  # noqa: B010

    def _get(self, name: str) -> Any:
        return getattr(self.receiver, INTERNALS[name])

    def _set(self, name: str, value: object) -> None:
        setattr(self.receiver, INTERNALS[name], value)

    def _use_order(self) -> AudioOrder | VideoOrder:
        video = self.kind is TrackKind.VIDEO
        self._order = VideoOrder(self._begins_key_frame) if video else AudioOrder()
        self._set("jitter_buffer", self._order)
        self._set("nack_generator", NackGenerator() if video else None)
        return self._order

    def _begins_key_frame(self, packet: RtpPacket) -> bool:
        codec = self._get("codecs").get(packet.payload_type)
        return codec is not None and begins_key_frame(codec.name.upper(), packet.payload)

    async def _rtp_arrived(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        current = self._streams[-1].ssrc if self._streams else None
        if packet.ssrc != current and not self._belongs(packet):
            return
        arrivals = self._arrivals
        if packet.timestamp not in arrivals:
            arrivals[packet.timestamp] = time.monotonic_ns()
            if len(arrivals) > ARRIVALS:
                del arrivals[next(iter(arrivals))]
        await self._handle_rtp(packet, arrival_time_ms)
        self._drain(packet)
        if isinstance(self._order, VideoOrder) and (missing := self._order.ask_again()):
            await self.receiver._send_rtcp_nack(self._streams[-1].ssrc, missing)

    def _drain(self, packet: RtpPacket) -> None:
        """Decode what waited for this packet; aiortc takes one frame for each packet only."""
        codec = self._get("codecs").get(packet.payload_type)
        if codec is None or codec.name.lower() == "rtx":
            codec = self._codec
        self._codec = codec
        while codec is not None and (frame := self._order.next_frame()) is not None:
            frame.timestamp = self._time.map(frame.timestamp)
            self._decoder.put((codec, frame))

    def _belongs(self, packet: RtpPacket) -> bool:
        """A packet of another SSRC: a retransmission, a new stream, or a late one of an old one."""
        codec = self._get("codecs").get(packet.payload_type)
        if codec is None or codec.name.lower() == "rtx" or not packet.payload:
            return True
        recent = time.monotonic_ns() - self._switched_ns < LATE_NS
        if recent and any(packet.ssrc == s.ssrc for s in self._streams):
            return False
        self._rate = codec.clockRate
        self._begin(packet.ssrc)
        return True

    def _begin(self, ssrc: int) -> None:
        if self._streams:
            self._drop_history()
        label = self._peer.label(ssrc, self.transceiver.mid)
        stream = _Stream(self._peer.next_stream(), ssrc, label)
        self._streams.append(stream)
        self._arrivals.clear()
        self._switched_ns = time.monotonic_ns()
        self._time.begin(stream.number)
        if self._early is not None and self._early.ssrc == ssrc:
            self._report(stream, self._early)
        self._early = None

    def _drop_history(self) -> None:
        """The new SSRC's sequence numbers have nothing to do with the old one's."""
        self._use_order()
        # aiortc reports on every SSRC it ever saw; a report has room for 31 (RFC 3550 §6.4.2).
        self._gone = self.packets()
        self._get("remote_streams").clear()

    async def _rtcp_arrived(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpByePacket):
            return
        if isinstance(packet, RtcpSrPacket):
            self.reports += 1
            current = self._streams[-1] if self._streams else None
            if current is None or current.ssrc != packet.ssrc:
                self._early = packet
            else:
                self._report(current, packet)
        await self._handle_rtcp(packet)

    def _report(self, stream: _Stream, packet: RtcpSrPacket) -> None:
        info = packet.sender_info
        if stream.label:
            self._peer.listener.report_arrived(
                ArrivedReport(
                    label=stream.label,
                    stream=stream.number,
                    kind=self.kind,
                    rate=self._rate,
                    rtp=info.rtp_timestamp,
                    ntp=info.ntp_timestamp,
                )
            )

    def relabel(self) -> None:
        """A new description was applied: the same SSRC may carry another publication now."""
        if not self._streams:
            return
        current = self._streams[-1]
        label = self._peer.label(current.ssrc, self.transceiver.mid)
        if label and not current.label:
            current.label = label
        elif label and label != current.label and self._peer.has_ssrc(current.ssrc):
            self._begin(current.ssrc)

    def deliver(self) -> None:
        """Tells of the frames that were decoded since the last time."""
        for frame in self._decoder.take():
            self._deliver(frame)

    @property
    def idle(self) -> bool:
        """Whether all that came was decoded and told."""
        return self._decoder.idle

    def _deliver(self, frame: Frame) -> None:
        if isinstance(frame, av.VideoFrame) and max(frame.width, frame.height) <= LARGEST_FILLER:
            return
        pts = frame.pts or 0
        if isinstance(frame, av.AudioFrame) and frame.sample_rate == 2 * self._rate:
            pts //= 2  # G.722 runs at 16 kHz, its RTP clock at 8 (RFC 3551 §4.5.2)
        number, rtp = pts >> STREAM_SHIFT, pts & ((1 << STREAM_SHIFT) - 1)
        stream = next((s for s in self._streams if s.number == number), None)
        if stream is None or not stream.label:
            return
        self.frames += 1
        arrival_ns = self._arrivals.get(rtp & 0xFFFFFFFF) or time.monotonic_ns()
        self._peer.listener.frame_arrived(
            ArrivedFrame(stream.label, number, self.kind, self._rate, rtp, arrival_ns, frame)
        )

    def packets(self) -> tuple[int, int]:
        """How many were received and lost, over all streams."""
        received, lost = self._gone
        for statistics in self._get("remote_streams").values():
            received += statistics.packets_received
            lost += statistics.packets_lost
        return received, lost

    @property
    def skipped(self) -> int:
        return self._decoder.skipped

    def apply(self, media: MediaDescription) -> None:
        """Makes a running receiver know what a later description brought."""
        codecs = self._get("codecs")
        listed = self.transceiver._codecs
        negotiated = {c.payloadType: c for c in listed if c.payloadType is not None}
        codecs.update(negotiated)
        rtx = self._get("rtx_ssrc")
        router = self.receiver.transport._rtp_router
        if self.receiver not in router.receivers:
            return  # not started: aiortc reads all of this itself when it starts
        for group in media.ssrc_group:
            if group.semantic == "FID" and len(group.items) == 2:
                rtx[int(group.items[1])] = int(group.items[0])
        for description in media.ssrc:
            router.ssrc_table[description.ssrc] = self.receiver
        for payload_type in negotiated:
            router.payload_type_table.setdefault(payload_type, set()).add(self.receiver)
