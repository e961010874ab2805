"""What the tap needs of aiortc: these tests fail when aiortc changes it."""

from __future__ import annotations

import inspect

import av
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, rtcrtpreceiver
from aiortc.rtcdtlstransport import RtpRouter
from aiortc.rtp import RtcpByePacket, RtpPacket

from orchestrator.media import TrackKind
from orchestrator.sources.aiortc.internals import CONNECT, INTERNALS
from orchestrator.sources.aiortc.receiver_tap import ReceiverTap
from orchestrator.sources.received_media import TakenFrame
from orchestrator.sources.stream_times import (
    STREAM_SHIFT,
    RtpTimestampMapper,
)
from tests.kit.clocks import HandClock
from tests.kit.sources.taps import OPUS, RTX, VP8, Owner, Sent


@pytest.mark.parametrize("kind", ["audio", "video"])
async def test_aiortc_has_every_attribute_that_is_read_or_replaced(kind: str) -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = connection.addTransceiver(kind, direction="recvonly").receiver
    for name in INTERNALS.values():
        assert hasattr(receiver, name), f"aiortc has no {name} any more"
    assert inspect.iscoroutinefunction(getattr(connection, CONNECT))
    router = RtpRouter()
    assert isinstance(router.ssrc_table, dict)
    assert isinstance(router.payload_type_table, dict)
    assert isinstance(router.receivers, set)
    await connection.close()


async def test_a_concealed_frame_arrived_as_the_packet_before_it_did() -> None:
    """Else the clock would take it for a late one, and after a long loss for another time line."""
    connection, owner = RTCPeerConnection(RTCConfiguration(iceServers=[])), Owner()
    tap = ReceiverTap(owner, connection.addTransceiver("audio", direction="recvonly"))
    owner.labels = {7: "mic"}
    tap._begin(7)
    tap._arrivals.note(0, 5_000)
    tap._arrivals.note(960 * 4, 90_000_000)
    for number, rtp in enumerate((0, 960, 960 * 4)):
        frame = av.AudioFrame("s16", "stereo", 960)
        pts = tap._streams[-1].number << STREAM_SHIFT | rtp
        tap._deliver(TakenFrame(pts, frame, concealed=number == 1))
    assert [each.concealed for each in owner.frames] == [False, True, False]
    assert [each.arrival_ns for each in owner.frames] == [5_000, 20_005_000, 90_000_000]
    assert tap.frames == 2, "what was concealed was not received"
    await connection.close()


def test_aiortc_uses_them_in_the_way_the_tap_relies_on() -> None:
    source = inspect.getsource(rtcrtpreceiver.RTCRtpReceiver)
    for use in (
        "self.__decoder_queue.put(None)",
        "self.__codecs[codec.payloadType] = codec",
        "self.__rtx_ssrc[encoding.rtx.ssrc] = encoding.ssrc",
        "for ssrc, stream in self.__remote_streams.items():",
        "fraction_lost=stream.fraction_lost,",
        "packets_lost=stream.packets_lost,",
        "highest_sequence=stream.max_seq,",
        "jitter=stream.jitter,",
        "packetsReceived=stream.packets_received,",
    ):
        assert use in source, f"aiortc no longer has {use}"
    worker = inspect.getsource(rtcrtpreceiver.decoder_worker)
    assert "task = input_q.get()\n        if task is None:" in worker, "Decoder.get gives None"
    signature = inspect.signature(rtcrtpreceiver.RTCRtpReceiver._handle_rtp_packet)
    assert list(signature.parameters) == ["self", "packet", "arrival_time_ms"]


def test_pts_tell_the_stream_and_the_unwrapped_time() -> None:
    times = RtpTimestampMapper()
    times.begin(3)
    stamps = [0xFFFFFF00, 0x00000010, 0xFFFFFFF0, 0x00000F00]
    found = [times.map(stamp) for stamp in stamps]
    assert {pts >> STREAM_SHIFT for pts in found} == {3}
    rtp = [pts & ((1 << STREAM_SHIFT) - 1) for pts in found]
    assert [each % (1 << 32) for each in rtp] == stamps
    assert rtp[1] - rtp[0] == 0x110
    assert rtp[1] - rtp[2] == 0x20
    assert 2 * max(found) < 1 << 63, "G.722 doubles it"


def packet(ssrc: int, sequence: int, timestamp: int, payload: bytes = b"\x10\x00\x00") -> RtpPacket:
    made = RtpPacket(
        payload_type=97, sequence_number=sequence, timestamp=timestamp, ssrc=ssrc, payload=payload
    )
    return made


async def test_a_new_ssrc_is_a_new_stream_and_a_late_packet_of_the_old_one_is_not() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transceiver = connection.addTransceiver("video", direction="recvonly")
    owner = Owner()
    owner.labels = {1: "old", 2: "new"}
    tap = ReceiverTap(owner, transceiver)
    codecs = getattr(transceiver.receiver, INTERNALS["codecs"])
    codecs[97] = VP8
    receiver = transceiver.receiver
    await receiver._handle_rtp_packet(packet(1, 10, 1000), 0)
    await receiver._handle_rtp_packet(packet(2, 60_000, 5), 0)
    await receiver._handle_rtp_packet(packet(1, 11, 2000), 0)
    assert [(s.ssrc, s.label) for s in tap._streams] == [(1, "old"), (2, "new")]
    assert tap.kind is TrackKind.VIDEO
    assert tap.packets() == (2, 0), "the old stream's counts are kept"
    owner.labels = {2: "newest"}
    tap.relabel()
    assert [s.label for s in tap._streams] == ["old", "new", "newest"]
    await connection.close()


async def test_what_is_behind_a_lost_packet_is_decoded_though_the_speaker_is_muted_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection, owner = RTCPeerConnection(RTCConfiguration(iceServers=[])), Owner()
    owner.labels = {7: "microphone"}
    transceiver = connection.addTransceiver("audio", direction="recvonly")
    tap, now_s, decoded = ReceiverTap(owner, transceiver), 0.0, list[int]()
    codecs = getattr(transceiver.receiver, INTERNALS["codecs"])
    codecs[97] = OPUS
    monkeypatch.setattr(tap._reassembly._buffer, "_clock", lambda: now_s)
    monkeypatch.setattr(
        tap._output, "put", lambda task: decoded.append(task[1].timestamp % (1 << 32))
    )
    for number in (0, 1, 3, 4):
        await transceiver.receiver._handle_rtp_packet(packet(7, number, 960 * number), 0)
    tap.deliver()
    assert decoded == [0, 960], "the third may come late"
    now_s = 0.2
    tap.deliver()
    assert decoded == [0, 960, 960 * 3, 960 * 4]
    await connection.close()


async def test_a_bye_does_not_end_the_receiver() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transceiver = connection.addTransceiver("audio", direction="recvonly")
    ReceiverTap(Owner(), transceiver)
    seen: list[object] = []
    setattr(transceiver.receiver, "_RTCRtpReceiver__stop_decoder", lambda: seen.append(1))  # noqa: B010
    await transceiver.receiver._handle_rtcp_packet(RtcpByePacket(sources=[1]))
    assert not seen
    await connection.close()


async def test_repetitions_of_nothing_known_are_not_counted() -> None:
    """Each SSRC that is counted has a place in each receiver report, which has room for 31."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transceiver = connection.addTransceiver("video", direction="recvonly")
    owner = Owner()
    owner.labels = {1: "video"}
    tap = ReceiverTap(owner, transceiver)
    receiver = transceiver.receiver
    codecs = getattr(receiver, INTERNALS["codecs"])
    codecs.update({96: VP8, 97: RTX})
    getattr(receiver, INTERNALS["rtx_ssrc"])[2] = 1
    first = packet(1, 10, 1000)
    first.payload_type = 96
    await receiver._handle_rtp_packet(first, 0)
    for ssrc in (2, *range(100, 200)):
        await receiver._handle_rtp_packet(packet(ssrc, 1, 1000, b"\0\x0b\x10\0\0"), 0)
    assert set(getattr(receiver, INTERNALS["remote_streams"])) == {1, 2}
    assert tap.packets() == (2, 0)
    await connection.close()


async def test_a_decoder_that_fails_asks_for_a_keyframe_twice_a_second_at_most() -> None:
    sent, clock = Sent(interval_s=None), HandClock()
    sent.tap._reassembly.requests._clock = clock
    await sent.frame(1, key=True)
    asked = len(sent.plis)
    for number in range(2, 32):
        sent.tap._behind.set()
        clock.now += 1 / 30
        await sent.frame(number)
    assert len(sent.plis) - asked == 2
    await sent.connection.close()
