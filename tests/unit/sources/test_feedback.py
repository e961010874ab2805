"""What senders are told: losses and jitter as aiortc counts them; that anything can be received."""

from __future__ import annotations

import random
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RTCP_PSFB_APP, RtpPacket, unpack_remb_fci

from orchestrator.media import SECOND_NS
from orchestrator.sources.aiortc.feedback import RECEIVABLE_BPS, Feedback, ReceivedPackets
from orchestrator.sources.aiortc.payload_formats import PayloadFormat
from orchestrator.sources.rtp_packet import Packet

RATE = 90_000


@pytest.mark.parametrize("lost_percent", [0, 5])
def test_losses_are_counted_as_aiortc_does(lost_percent: int) -> None:
    chance, ours, theirs = (
        random.Random(lost_percent),
        ReceivedPackets(RATE),
        StreamStatistics(RATE),
    )
    numbers = [n for n in range(65_000, 68_000) if chance.random() * 100 >= lost_percent]
    for at in range(1, len(numbers) - 1, 50):  # some overtake others
        numbers[at], numbers[at + 1] = numbers[at + 1], numbers[at]
    for step, number in enumerate(numbers):
        ours.add(number & 0xFFFF, 3000 * number, 0)
        theirs.add(RtpPacket(sequence_number=number & 0xFFFF, timestamp=3000 * number))
        if step % 400 == 0:
            assert ours.fraction_lost == theirs.fraction_lost
    assert ours.packets_lost == theirs.packets_lost == 3000 - len(numbers)
    assert (ours.packets_received, ours.max_seq) == (theirs.packets_received, theirs.max_seq)


def test_jitter_is_that_of_arrivals_whenever_they_are_handled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chance, ours, theirs = random.Random(1), ReceivedPackets(RATE), StreamStatistics(RATE)
    now_s = 0.0
    monkeypatch.setattr(time, "time", lambda: now_s)
    for number in range(1000):
        now_s = 100 + number / 30 + chance.uniform(0, 0.02)
        ours.add(number, 3000 * number, int(now_s * SECOND_NS))
        theirs.add(RtpPacket(sequence_number=number, timestamp=3000 * number))
    assert ours.jitter == pytest.approx(theirs.jitter, rel=0.05)
    assert ours.jitter > 300


class Sender:
    """Stands for aiortc's receiver, which sends."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    async def _send_rtcp(self, packet: object) -> None:
        self.sent.append(packet)


def form(*feedback: RTCRtcpFeedback) -> PayloadFormat:
    return PayloadFormat.of(
        RTCRtpCodecParameters("video/VP8", RATE, None, 97, rtcpFeedback=list(feedback))
    )


async def test_that_anything_can_be_received_is_said_each_second_to_those_who_listen() -> None:
    kept: dict[str, Any] = {"remote_streams": {}, "rtcp_ssrc": 9}
    for feedback, times in (((RTCRtcpFeedback("goog-remb"),), 3), ((), 0)):
        sender, inside = Sender(), SimpleNamespace(get=kept.__getitem__)
        told = Feedback(sender, inside)  # type: ignore[arg-type]
        for step in range(30):
            arrival_ns = (5 + step // 10) * SECOND_NS + step % 10
            await told.came(Packet(step, 0, 7), form(*feedback), arrival_ns)
        assert [each.fmt for each in sender.sent] == [RTCP_PSFB_APP] * times
        for each in sender.sent:
            bit_rate, streams = unpack_remb_fci(each.fci)
            assert bit_rate == pytest.approx(RECEIVABLE_BPS, rel=1e-4)
            assert streams == [7]


async def test_counts_go_on_when_streams_are_forgotten() -> None:
    kept: dict[str, Any] = {"remote_streams": {}}
    told = Feedback(Sender(), SimpleNamespace(get=kept.__getitem__))  # type: ignore[arg-type]
    for number in (1, 2, 4):
        await told.came(Packet(number, 0, 7), form(), 1)
    assert told.counts() == (3, 1)
    told.forget()
    assert kept["remote_streams"] == {}, "aiortc reports on those that are left"
    await told.came(Packet(60_000, 0, 8), form(), 1)
    assert told.counts() == (4, 1)
