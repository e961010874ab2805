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
  judges arrivals by when they are processed, as its receiver reports do, and an SFU that hears the
  estimate falling pauses the video (`feedback`);
- packets must cost less: aiortc reads all header extensions, notes the date of each packet, keeps a
  set of what is missing, compares codecs by their names: its `_handle_rtp_packet` isn't used;
- an m-line that carries nothing any more must not keep a thread and a decoder (`decoder_threads`);
- an end to the queues of encoded and of decoded frames, which would grow without one;
- decoded frames taken together, not each with a wake-up of its own (`decoder`);
- jitter buffers that after a loss neither throw good packets away nor wait for seconds;
- lost audio is concealed (`concealment`), and senders learn that their in-band FEC is used;
- an empty RTP payload (an SFU's probe) must not reach the decoder, which would end there.

`tests/unit/sources/test_receiver_tap.py` fails when a name in `INTERNALS` is gone.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from aiortc import RTCRtpReceiver, RTCRtpTransceiver
from aiortc.rtp import AnyRtcpPacket, RtcpByePacket, RtcpSrPacket, RtpPacket
from aiortc.sdp import MediaDescription

from orchestrator.media import SECOND_NS, TrackKind
from orchestrator.sources.aiortc.decoding.decoder import Decoder
from orchestrator.sources.aiortc.decoding.known_sets import described_sets
from orchestrator.sources.aiortc.encoded_frames import EncodedFrames
from orchestrator.sources.aiortc.feedback import Feedback
from orchestrator.sources.aiortc.internals import Inside, route, unroute
from orchestrator.sources.aiortc.packet_arrivals import PacketArrivals
from orchestrator.sources.aiortc.payload_formats import PayloadFormat, PayloadFormats
from orchestrator.sources.aiortc.reassembly import Reassembly
from orchestrator.sources.received_media import (
    ArrivedFrame,
    SenderReport,
    TakenFrame,
    TapConnection,
)
from orchestrator.sources.rtp_packet import Packet
from orchestrator.sources.stream_times import STREAM_SHIFT

LATE_NS: Final = 2_000_000_000
"""After a change of SSRC, packets of the old one are late, not a change back."""


_FIELDS: Final = attrgetter(
    "sequence_number", "timestamp", "ssrc", "payload_type", "marker", "payload"
)
"""Those of a packet that came by aiortc's way, before its socket was taken over."""


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
        self._switched_ns = 0
        self._inactive = False
        self.frames = 0
        self.reports = 0
        self._inside = Inside(self.receiver)
        self._behind = threading.Event()
        """The decoder needs a keyframe."""
        self._output: Decoder | EncodedFrames = self._new_output()
        self._inside.set("decoder_queue", self._output)
        self._formats = PayloadFormats(self._inside)
        self._feedback = Feedback(self.receiver, self._inside)
        interval_s = peer.listener.keyframe_interval_s
        self._reassembly = Reassembly(
            self.kind, self._formats, self._output, interval_s, peer.listener
        )
        self._handle_rtcp = self.receiver._handle_rtcp_packet
        setattr(self.receiver, "_handle_rtp_packet", self._rtp_arrived)  # noqa: B010
        setattr(self.receiver, "_handle_rtcp_packet", self._rtcp_arrived)  # noqa: B010

    def _new_output(self) -> Decoder | EncodedFrames:
        listener = self._peer.listener
        if listener.keyframe_interval_s is not None:
            return EncodedFrames(self.kind, listener.max_frame_pixels)
        threads = self._peer.threads(self.kind)
        return Decoder(self.kind, self._behind, threads, listener.max_frame_pixels)

    async def _rtp_arrived(self, packet: Packet | RtpPacket, arrival_time_ms: int) -> None:
        if not isinstance(packet, Packet):
            packet = Packet(*_FIELDS(packet))
        form = self._formats.of(packet.payload_type)
        if form is None or self._inactive:
            return
        arrival_ns = self._peer.arrival_ns()
        repeats = form.is_repetition
        if not (
            self._formats.names(packet) if repeats else self._belongs(packet, form, arrival_ns)
        ):
            return
        await self._feedback.came(packet, form, arrival_ns)
        if not repeats:
            await self._take(packet, arrival_ns)
        elif self._streams:
            repeated = self._formats.repeated(packet, form, self._streams[-1].ssrc)
            if repeated is not None:
                await self._take(repeated, arrival_ns)

    async def _take(self, packet: Packet, arrival_ns: int) -> None:
        self._arrivals.note(packet.timestamp, arrival_ns)
        wants_keyframe = self._reassembly.take(packet)
        if missing := self._reassembly.to_request():
            await self._feedback.ask_for(packet.ssrc, missing)
        if self.kind is TrackKind.VIDEO and self._behind.is_set():
            wants_keyframe = wants_keyframe or self._reassembly.requests.due(waiting=True)
        if wants_keyframe:
            self._behind.clear()
            await self._feedback.ask_for_keyframe(packet.ssrc)
        if isinstance(self._output, EncodedFrames) and self._output.full:
            self.deliver()

    def _belongs(self, packet: Packet, form: PayloadFormat, now_ns: int) -> bool:
        """Whether it isn't a late one of an old SSRC; data of a new one begins a stream."""
        streams = self._streams
        if streams and streams[-1].ssrc == packet.ssrc:
            return True
        recent = now_ns - self._switched_ns < LATE_NS
        if not packet.payload or (recent and any(packet.ssrc == each.ssrc for each in streams)):
            return False
        self._rate = form.rate
        self._begin(packet.ssrc)
        return True

    def _begin(self, ssrc: int) -> None:
        if self._streams:
            self._drop_history()
        label = self._peer.label(ssrc, self.transceiver.mid)
        stream = _Stream(self._peer.next_stream(), ssrc, label)
        self._streams.append(stream)
        self._arrivals.clear()
        self._switched_ns = self._peer.arrival_ns()
        self._reassembly.begin(stream.number, label)

    def _drop_history(self) -> None:
        """The new SSRC's sequence numbers have nothing to do with the old one's."""
        self._reassembly.restart()
        self._feedback.forget()

    async def _rtcp_arrived(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpByePacket):
            return
        if isinstance(packet, RtcpSrPacket):
            self.reports += 1
            # One that comes before the first packet is of no data: aiortc's then say NTP 0.
            if self._streams and self._streams[-1].ssrc == packet.ssrc:
                self._report(self._streams[-1], packet)
        await self._handle_rtcp(packet)
        if isinstance(packet, RtcpSrPacket):  # what we report is counted from its arrival
            waited_ns = time.monotonic_ns() - self._peer.arrival_ns()
            self._inside.get("lsr_time")[packet.ssrc] -= waited_ns / SECOND_NS

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
                    arrival_ns=self._peer.arrival_ns(),
                )
            )

    async def request_keyframe(self, label: str) -> None:
        """Sends a PLI (RFC 4585 §6.3.1), now or soon, if this carries the label's video now."""
        streams = self._streams if self.kind is TrackKind.VIDEO else ()
        if streams and streams[-1].label == label:
            self._reassembly.requests.request()
            if self._reassembly.requests.due(waiting=False):
                await self._feedback.ask_for_keyframe(streams[-1].ssrc)

    def relabel(self) -> None:
        """A new description was applied: the same SSRC may carry another publication now."""
        if not self._streams:
            return
        current = self._streams[-1]
        label = self._peer.label(current.ssrc, self.transceiver.mid)
        if not label or label == current.label:
            return
        if not current.label and isinstance(self._output, Decoder):
            current.label = self._reassembly.label = label
        elif not current.label or self._peer.has_ssrc(current.ssrc):
            self._begin(current.ssrc)  # encoded frames of before were of nobody, and left out

    def deactivate(self) -> None:
        """The m-line carries nothing until a description says otherwise: frees what it held."""
        if self._inactive:
            return
        self._inactive = True
        self._drop_history()
        for name in ("lsr", "lsr_time", "rtx_ssrc"):
            self._inside.get(name).clear()
        unroute(self.receiver)
        self._output.release_codec()

    def deliver(self) -> None:
        """Gives the listener the frames that there are since the last time."""
        if self.kind is TrackKind.AUDIO:
            # Behind a lost packet, and none came since: the speaker is muted.
            self._reassembly.pass_on_ready()
        for frame in self._output.take():
            self._deliver(frame)
        if self._streams and (label := self._streams[-1].label):
            self._output.report(self._peer.listener, label)
            self._reassembly.report(self._peer.listener)

    @property
    def idle(self) -> bool:
        """Whether all that came was decoded and delivered."""
        return self._output.idle

    def _deliver(self, taken: TakenFrame) -> None:
        number, rtp = taken.pts >> STREAM_SHIFT, taken.pts & ((1 << STREAM_SHIFT) - 1)
        stream = next((s for s in self._streams if s.number == number), None)
        if stream is None or not stream.label:
            return
        frame, concealed, now_ns = taken.frame, taken.concealed, time.monotonic_ns()
        self.frames += not concealed
        arrival_ns = self._arrivals.of(number, rtp, self._rate, now_ns, concealed=concealed)
        self._peer.listener.frame_arrived(
            ArrivedFrame(
                *(stream.label, number, self.kind, self._rate, rtp, arrival_ns, frame, concealed)
            )
        )

    def packets(self) -> tuple[int, int]:
        """How many were received and lost, over all streams."""
        return self._feedback.counts()

    @property
    def skipped(self) -> int:
        return self._output.skipped

    @property
    def keyframes_requested(self) -> int:
        return self._reassembly.keyframes_requested

    @property
    def undecodable(self) -> int:
        """Encoded frames left out, as one that they need is missing."""
        return self._reassembly.left_out + self._output.undecodable

    @property
    def undecryptable(self) -> int:
        """Encrypted frames for which no key fits, and those that need one of them."""
        return self._reassembly.undecryptable

    def apply(self, media: MediaDescription) -> None:
        """Applies a later description to a running receiver."""
        self._inactive = False
        listed = self.transceiver._codecs
        negotiated = {c.payloadType: c for c in listed if c.payloadType is not None}
        self._formats.update(negotiated)
        self._formats.described.clear()
        self._formats.described.update(described_sets(media))
        route(self.receiver, media, negotiated)
