"""Looks into an aiortc receiver. This module and `internals` know what aiortc is inside.

What aiortc 1.16 doesn't offer and a recorder needs, done on each `RTCRtpReceiver` before it starts:

- the RTP time of every frame (its own `pts` starts anywhere, and leaps when the SSRC changes);
- the arrival of a frame's *first* packet (aiortc hands out a video frame only when the next one
  starts);
- the RTCP sender reports;
- SSRCs and payload types that a later offer adds to a running receiver (aiortc reads them once, so
  packets of a new publication in a used transceiver would be discarded beside a second video);
- an RTCP BYE must not end the receiver: the transceiver may be used again;
- a receiver that a second offer adds during the DTLS handshake must start (aiortc forgets it);
- a busy machine must not look like a congested network: aiortc's estimate of the bit rate (REMB)
  judges arrivals by when they are processed, and an SFU that hears it falling pauses the video;
- an m-line that carries nothing any more must not keep a thread and a decoder (`decoder_threads`);
- an end to the queues of encoded and of decoded frames, which would grow without one;
- decoded frames taken together, not each with a wake-up of its own (`decoder`);
- jitter buffers that after a loss neither throw good packets away nor wait for seconds;
- lost audio is concealed (`concealment`), and senders learn that their in-band FEC is used;
- an empty RTP payload (an SFU's probe) must not reach the decoder, which would end there.

`tests/unit/sources/test_receiver_tap.py` fails when a name in `INTERNALS` is gone.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import av
from aiortc import RTCRtpReceiver, RTCRtpTransceiver
from aiortc.codecs import CODECS
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtp import AnyRtcpPacket, RtcpByePacket, RtcpSrPacket, RtpPacket
from aiortc.sdp import MediaDescription

from orchestrator.media import TrackKind
from orchestrator.sources.aiortc.concealment import is_concealed
from orchestrator.sources.aiortc.decoder import Decoder, Frame
from orchestrator.sources.aiortc.internals import INTERNALS, unroute
from orchestrator.sources.aiortc.jitter_buffer import AudioJitterBuffer, VideoJitterBuffer
from orchestrator.sources.aiortc.keyframe_start import KeyframeStart, keyframe_start
from orchestrator.sources.aiortc.packet_arrivals import PacketArrivals
from orchestrator.sources.aiortc.receiver_replacements import (
    STREAM_SHIFT,
    ConstantBitrateEstimator,
    RtpTimestampMapper,
)
from orchestrator.sources.frame_size import Size
from orchestrator.sources.received_media import DecodedFrame, SenderReport, TapConnection

LATE_NS: Final = 2_000_000_000
"""After a change of SSRC, packets of the old one are late, not a change back."""

LARGEST_BLANK: Final = 16
"""LiveKit sends a few 8x8 (VP8) or 2x2 (H.264) black frames when a video is muted or unpublished
(livekit-server, pkg/sfu/downtrack.go, writeBlankFrameRTP); no video is so small."""


for _codec in CODECS["audio"]:
    if _codec.name.lower() == "opus":
        _codec.parameters["useinbandfec"] = 1  # RFC 7587 §6.1


@dataclass(slots=True)
class _Stream:
    """One RTP stream seen by a receiver."""

    number: int
    ssrc: int
    label: str


class ReceiverTap:
    """Sees the packets, reports and frames of one receiver on their way."""

    def __init__(self, peer: TapConnection, transceiver: RTCRtpTransceiver) -> None:
        self.transceiver = transceiver
        self.receiver: RTCRtpReceiver = transceiver.receiver
        self.kind = TrackKind(transceiver.kind)
        self._peer = peer
        self._streams: deque[_Stream] = deque(maxlen=4)
        self._arrivals = PacketArrivals()
        self._rate = 90_000 if self.kind is TrackKind.VIDEO else 48_000
        self._gone = (0, 0)
        self._switched_ns = 0
        self._inactive = False
        self.frames = 0
        self.reports = 0
        self._time = RtpTimestampMapper()
        self._codec: Any = None
        threads, most_pixels = peer.threads(self.kind), peer.listener.max_frame_pixels
        self._decoder = Decoder(self.kind, self._get("decoder_error"), threads, most_pixels)
        self._too_large: Size | None = None
        self._set("timestamp_mapper", self._time)
        self._set("decoder_queue", self._decoder)
        self._jitter_buffer: AudioJitterBuffer | VideoJitterBuffer = self._new_jitter_buffer()
        if self.kind is TrackKind.VIDEO:
            self._set("remote_bitrate_estimator", ConstantBitrateEstimator())
        self._handle_rtp = self.receiver._handle_rtp_packet
        self._handle_rtcp = self.receiver._handle_rtcp_packet
        setattr(self.receiver, "_handle_rtp_packet", self._rtp_arrived)  # noqa: B010
        setattr(self.receiver, "_handle_rtcp_packet", self._rtcp_arrived)  # noqa: B010

    def _get(self, name: str) -> Any:
        return getattr(self.receiver, INTERNALS[name])

    def _set(self, name: str, value: object) -> None:
        setattr(self.receiver, INTERNALS[name], value)

    def _new_jitter_buffer(self) -> AudioJitterBuffer | VideoJitterBuffer:
        video = self.kind is TrackKind.VIDEO
        self._jitter_buffer = (
            VideoJitterBuffer(self._keyframe_start) if video else AudioJitterBuffer()
        )
        self._set("jitter_buffer", self._jitter_buffer)
        self._set("nack_generator", NackGenerator() if video else None)
        return self._jitter_buffer

    def _keyframe_start(self, packet: RtpPacket) -> KeyframeStart:
        codec = self._get("codecs").get(packet.payload_type)
        if codec is None:
            return KeyframeStart.NONE
        return keyframe_start(codec.name.upper(), packet.payload)

    async def _rtp_arrived(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        if self._inactive:
            return
        current = self._streams[-1].ssrc if self._streams else None
        if packet.ssrc != current and not self._belongs(packet):
            return
        self._arrivals.note(packet.timestamp, time.monotonic_ns())
        await self._handle_rtp(packet, arrival_time_ms)
        self._drain(packet)
        if isinstance(self._jitter_buffer, VideoJitterBuffer) and (
            missing := self._jitter_buffer.ask_again()
        ):
            await self.receiver._send_rtcp_nack(self._streams[-1].ssrc, missing)

    def _drain(self, packet: RtpPacket) -> None:
        """Decode what waited for this packet; aiortc takes one frame for each packet only."""
        codec = self._get("codecs").get(packet.payload_type)
        if codec is None or codec.name.lower() == "rtx":
            codec = self._codec
        self._codec = codec
        if isinstance(self._jitter_buffer, AudioJitterBuffer) or self._jitter_buffer.gave:
            self._decode_ready()

    def _decode_ready(self) -> None:
        codec = self._codec
        while codec is not None and (frame := self._jitter_buffer.next_frame()) is not None:
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

    def _drop_history(self) -> None:
        """The new SSRC's sequence numbers have nothing to do with the old one's."""
        self._new_jitter_buffer()
        # aiortc reports on every SSRC it ever saw; a report has room for 31 (RFC 3550 §6.4.2).
        self._gone = self.packets()
        self._get("remote_streams").clear()

    async def _rtcp_arrived(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpByePacket):
            return
        if isinstance(packet, RtcpSrPacket):
            self.reports += 1
            # One that comes before the first packet is of no data: aiortc's then say NTP 0.
            if self._streams and self._streams[-1].ssrc == packet.ssrc:
                self._report(self._streams[-1], packet)
        await self._handle_rtcp(packet)

    def _report(self, stream: _Stream, packet: RtcpSrPacket) -> None:
        info = packet.sender_info
        if stream.label:
            self._peer.listener.report_arrived(
                SenderReport(
                    label=stream.label,
                    stream=stream.number,
                    kind=self.kind,
                    rate=self._rate,
                    rtp=info.rtp_timestamp,
                    ntp=info.ntp_timestamp,
                    arrival_ns=time.monotonic_ns(),
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

    def deactivate(self) -> None:
        """The m-line carries nothing until a description says otherwise: frees what it held."""
        if self._inactive:
            return
        self._inactive = True
        self._drop_history()
        for name in ("active_ssrc", "lsr", "lsr_time", "rtx_ssrc"):
            self._get(name).clear()
        unroute(self.receiver)
        self._decoder.release_codec()

    def deliver(self) -> None:
        """Gives the listener the frames that were decoded since the last time."""
        if isinstance(self._jitter_buffer, AudioJitterBuffer):
            self._decode_ready()  # behind a lost packet, and none came since: the speaker is muted
        size = self._decoder.too_large  # first: frames from before it are taken after it
        for frame in self._decoder.take():
            self._deliver(frame)
        if size != self._too_large:
            self._too_large = size
            label = self._streams[-1].label if self._streams else ""
            if size is not None and label:
                self._peer.listener.video_too_large(label, *size)

    @property
    def idle(self) -> bool:
        """Whether all that came was decoded and delivered."""
        return self._decoder.idle

    def _deliver(self, frame: Frame) -> None:
        if isinstance(frame, av.VideoFrame) and max(frame.width, frame.height) <= LARGEST_BLANK:
            return
        pts = frame.pts or 0
        if isinstance(frame, av.AudioFrame) and frame.sample_rate == 2 * self._rate:
            pts //= 2  # G.722 runs at 16 kHz, its RTP clock at 8 (RFC 3551 §4.5.2)
        number, rtp = pts >> STREAM_SHIFT, pts & ((1 << STREAM_SHIFT) - 1)
        stream = next((s for s in self._streams if s.number == number), None)
        if stream is None or not stream.label:
            return
        concealed = is_concealed(frame)
        self.frames += not concealed
        now_ns = time.monotonic_ns()
        arrival_ns = self._arrivals.of(number, rtp, self._rate, now_ns, concealed=concealed)
        self._peer.listener.frame_arrived(
            DecodedFrame(
                stream.label, number, self.kind, self._rate, rtp, arrival_ns, frame, concealed
            )
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
        """Applies a later description to a running receiver."""
        self._inactive = False
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
