"""What one receiver sends by RTCP, beside the reports that aiortc makes."""

from __future__ import annotations

from typing import Final

from aiortc import RTCRtpReceiver
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, clamp_packets_lost, pack_remb_fci

from orchestrator.media import SECOND_NS
from orchestrator.sources.aiortc.internals import Inside
from orchestrator.sources.aiortc.payload_formats import PayloadFormat
from orchestrator.sources.rtp_packet import Packet

RECEIVABLE_BPS: Final = 100_000_000
"""The bit rate that we report as receivable: whatever is sent. Loss is still reported."""


class ReceivedPackets:
    """Those of one SSRC, for receiver reports (RFC 3550 §6.4.1, §A.3, §A.8).

    Replaces aiortc's StreamStatistics, which takes for arrival when a packet is handled.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._first: int | None = None
        self.max_seq = 0
        self._cycles = 0
        self.packets_received = 0
        self._expected_before = self._received_before = 0
        self._jitter = 0.0
        self._transit: int | None = None

    def add(self, number: int, timestamp: int, arrival_ns: int) -> None:
        """A packet came."""
        self.packets_received += 1
        if self._first is None:
            self._first = self.max_seq = number
        elif 0 < ((number - self.max_seq) & 0xFFFF) < 0x8000:
            self._cycles += number < self.max_seq
            self.max_seq = number
        transit = (arrival_ns * self._rate // SECOND_NS - timestamp) & 0xFFFFFFFF
        if self._transit is not None:
            change = ((transit - self._transit + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            self._jitter += (abs(change) - self._jitter) / 16
        self._transit = transit

    @property
    def packets_expected(self) -> int:
        return 0 if self._first is None else (self._cycles << 16) + self.max_seq - self._first + 1

    @property
    def packets_lost(self) -> int:
        return clamp_packets_lost(self.packets_expected - self.packets_received)

    @property
    def fraction_lost(self) -> int:
        """Of 256, since it was asked for last."""
        expected = self.packets_expected - self._expected_before
        lost = expected - (self.packets_received - self._received_before)
        self._expected_before = self.packets_expected
        self._received_before = self.packets_received
        return min(255, (lost << 8) // expected) if expected > 0 and lost > 0 else 0

    @property
    def jitter(self) -> int:
        return min(int(self._jitter), 0xFFFFFFFF)


class Feedback:
    """That of one receiver."""

    def __init__(self, receiver: RTCRtpReceiver, inside: Inside) -> None:
        self._receiver, self._inside = receiver, inside
        self._received: dict[int, ReceivedPackets] = inside.get("remote_streams")
        """By SSRC; aiortc reports on each of them."""
        self._gone = (0, 0)
        self._estimated_ns = 0

    async def came(self, packet: Packet, form: PayloadFormat, arrival_ns: int) -> None:
        """A packet came."""
        received = self._received.get(packet.ssrc)
        if received is None:
            received = self._received[packet.ssrc] = ReceivedPackets(form.rate)
        received.add(packet.sequence_number, packet.timestamp, arrival_ns)
        if form.takes_remb and arrival_ns - self._estimated_ns >= SECOND_NS:
            self._estimated_ns = arrival_ns
            await self._send_estimate(packet.ssrc)

    async def ask_for(self, ssrc: int, missing: list[int]) -> None:
        """Asks for packets (NACK, RFC 4585 §6.2.1)."""
        await self._receiver._send_rtcp_nack(ssrc, missing)

    async def ask_for_keyframe(self, ssrc: int) -> None:
        """Asks for a keyframe (PLI, RFC 4585 §6.3.1)."""
        await self._receiver._send_rtcp_pli(ssrc)

    def counts(self) -> tuple[int, int]:
        """How many packets were received and lost, over all streams."""
        received, lost = self._gone
        for each in self._received.values():
            received += each.packets_received
            lost += each.packets_lost
        return received, lost

    def forget(self) -> None:
        """The streams of before are over: aiortc reports on every SSRC it ever saw, and a report
        has room for 31 (RFC 3550 §6.4.2).
        """
        self._gone = self.counts()
        self._received.clear()

    async def _send_estimate(self, ssrc: int) -> None:
        """REMB."""
        own = self._inside.get("rtcp_ssrc")
        if own is not None:
            fci = pack_remb_fci(RECEIVABLE_BPS, [ssrc])
            packet = RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=own, media_ssrc=0, fci=fci)
            await self._receiver._send_rtcp(packet)
