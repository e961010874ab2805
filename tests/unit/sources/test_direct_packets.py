"""RTP packets go to their receiver at once, everything else as aiortc has it."""

from __future__ import annotations

import asyncio
import inspect
import struct
from types import SimpleNamespace
from typing import Any

import pylibsrtp
import pytest
from aioice import Connection
from aioice.ice import StunProtocol
from aioice.stun import parse_message
from aiortc import RTCPeerConnection
from aiortc.rtcdtlstransport import RTCDtlsTransport, State
from aiortc.rtp import RtpPacket

from orchestrator.sources.aiortc.direct_packets import LONGEST, USED, DirectPackets, take_directly
from orchestrator.sources.aiortc.ice import configuration
from orchestrator.sources.rtp_packet import Packet

ADDRESS = ("192.0.2.1", 9)
FORGED = b"\x80\x60 forged"
RTCP = b"\x81\xc8 a sender report"
STUN = b"\x01\x01 a response"


class Receiver:
    """Gets the packets."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.problem: Exception | None = None
        self.waits = False

    async def _handle_rtp_packet(self, packet: Packet, arrival_time_ms: int) -> None:
        if self.waits:
            await asyncio.sleep(0)
        if self.problem is not None:
            raise self.problem
        self.numbers.append(packet.sequence_number)


class Socket:
    """A protocol of aioice and a transport of aiortc, with what is used of them."""

    def __init__(self) -> None:
        self.usual: list[bytes] = []
        self.reports: list[bytes] = []
        self.receiver = SimpleNamespace(_queue=asyncio.Queue[bytes]())
        self.receives = Receiver()
        self.failures: list[Exception] = []
        self.transport = SimpleNamespace(
            _state=State.CONNECTED,
            _rx_srtp=SimpleNamespace(unprotect=_unprotect, unprotect_rtcp=_unprotect),
            _handle_rtcp_data=self._rtcp,
            _rtp_router=SimpleNamespace(route_rtp=self._route),
        )
        asked: Any = (self, self.transport, self.failures.append)
        self.direct = DirectPackets(*asked)

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.usual.append(data)

    def _route(self, packet: Packet) -> Receiver | None:
        return self.receives if packet.ssrc == 7 else None

    async def _rtcp(self, data: bytes) -> None:
        self.reports.append(data)

    def gets(self, *datagrams: bytes) -> None:
        for data in datagrams:
            self.direct(data, ADDRESS)


def _unprotect(data: bytes) -> bytes:
    if data == FORGED:
        raise pylibsrtp.Error(7)
    return data


def rtp(number: int, ssrc: int = 7) -> bytes:
    return RtpPacket(payload_type=96, sequence_number=number, ssrc=ssrc, payload=b"x").serialize()


async def test_aiortc_and_aioice_have_what_is_used() -> None:
    connection = RTCPeerConnection(configuration())
    receiver = connection.addTransceiver("audio", direction="recvonly").receiver
    transport = receiver.transport
    assert [name for name in USED if not hasattr(transport, name)] == []
    ice = transport.transport._connection
    assert isinstance(ice, Connection)
    assert isinstance(ice._queue, asyncio.Queue)
    assert isinstance(ice._protocols, list)
    await connection.close()
    assert list(inspect.signature(StunProtocol.datagram_received).parameters)[1:] == [
        "data",
        "addr",
    ]
    reading = inspect.getsource(RTCDtlsTransport._recv_next)
    handling = inspect.getsource(RTCDtlsTransport._handle_rtcp_data)
    assert "await recipient._handle_rtcp_packet(packet)" in handling
    for use in (
        "elif first_byte > 127 and first_byte < 192 and self._rx_srtp:",
        "if is_rtcp(data):",
        "data = self._rx_srtp.unprotect(data)",
        "data = self._rx_srtp.unprotect_rtcp(data)",
    ):
        assert use in reading, f"aiortc no longer has {use}"
    routing = inspect.getsource(RTCDtlsTransport._handle_rtp_data)
    assert "self._rtp_router.route_rtp(packet)" in routing


@pytest.mark.parametrize("media", [False, True])
async def test_each_socket_of_a_connection_is_taken_over_once(media: bool) -> None:
    connection = RTCPeerConnection(configuration())
    if media:
        transport = connection.addTransceiver("audio", direction="recvonly").receiver.transport
    else:  # as LiveKit begins
        connection.createDataChannel("none")
        assert connection.sctp is not None
        transport = connection.sctp.transport
    await connection.setLocalDescription(await connection.createOffer())
    for _ in range(2):
        take_directly(connection, lambda problem: None)
    protocols = transport.transport._connection._protocols
    assert protocols
    for protocol in protocols:
        assert isinstance(protocol.datagram_received, DirectPackets)
        assert not isinstance(protocol.datagram_received._usual, DirectPackets)
    await connection.close()


async def test_rtp_and_rtcp_are_taken_at_once_and_everything_else_goes_the_usual_way() -> None:
    socket = Socket()
    socket.gets(rtp(1), STUN, rtp(2), RTCP, rtp(3, ssrc=8))
    assert socket.receives.numbers == [1, 2], "and nobody wants the third"
    assert (socket.usual, socket.reports) == ([STUN], [RTCP])
    assert not socket.failures


async def test_rtp_doesnt_overtake_what_still_waits_for_aiortc() -> None:
    socket = Socket()
    socket.receiver._queue.put_nowait(rtp(1))
    socket.gets(rtp(2), RTCP)
    assert socket.usual == [rtp(2), RTCP]
    socket.receiver._queue.get_nowait()
    socket.gets(rtp(3))
    assert socket.receives.numbers == [3]


@pytest.mark.parametrize("state", [State.NEW, State.CONNECTING, State.CLOSED, State.FAILED])
async def test_nothing_is_taken_while_the_connection_isnt_there(state: State) -> None:
    socket = Socket()
    socket.transport._state = state
    socket.gets(rtp(1))
    assert socket.receives.numbers == []
    assert socket.usual == [rtp(1)]


async def test_what_is_forged_or_no_rtp_ends_nothing() -> None:
    """An empty datagram, which anybody may send, would end aiortc's task."""
    socket = Socket()
    socket.gets(b"", FORGED, rtp(1)[:11], b"\x80", rtp(2))
    assert socket.receives.numbers == [2]
    assert (socket.usual, socket.failures) == ([], [])


async def test_what_is_longer_than_srtp_has_room_for_ends_nothing() -> None:
    """It would end aiortc's task, as RTP or RTCP, whoever sent it."""
    session = pylibsrtp.Session()
    for use in (session.unprotect, session.unprotect_rtcp):
        with pytest.raises(pylibsrtp.Error):
            use(RTCP.ljust(LONGEST, b"x"))
        with pytest.raises(ValueError, match="too long"):
            use(RTCP.ljust(LONGEST + 1, b"x"))
    socket, dtls = Socket(), b"\x17".ljust(LONGEST + 1, b"x")
    socket.gets(RTCP.ljust(LONGEST + 1, b"x"), rtp(1).ljust(LONGEST + 1, b"x"), dtls, rtp(2))
    assert (socket.receives.numbers, socket.usual, socket.failures) == ([2], [dtls], [])


async def test_stun_that_cant_be_read_ends_nothing() -> None:
    """An error would be logged with each, and leave a TURN client with the same one for ever."""
    short = b"\0\x24\0\x02\0\x01\0\0"  # a priority has four bytes
    message = b"\0\x01\0\x08\x21\x12\xa4\x42" + bytes(12) + short
    with pytest.raises(struct.error):
        parse_message(message)
    socket: Any = Socket()
    protocol = StunProtocol(Connection(ice_controlling=False))
    DirectPackets(protocol, socket.transport, socket.failures.append)(message, ADDRESS)
    assert not socket.failures


async def test_header_extensions_that_nobody_can_read_are_skipped() -> None:
    """An error of aiortc would leave a TURN client with the same packet to take again, for ever."""
    socket = Socket()
    too_long = b"\xbe\xde\0\x01\x12\1\2\3"  # three bytes, where one is a level
    beyond = b"\xbe\xde\0\x09\x12\1\2\3"
    socket.gets(b"\x90" + rtp(1)[1:12] + too_long, b"\x90" + rtp(2)[1:12] + beyond, rtp(3))
    assert (socket.receives.numbers, socket.failures) == ([1, 3], [])


@pytest.mark.parametrize("waits", [False, True])
async def test_a_receiver_that_fails_is_reported_once(waits: bool) -> None:
    socket = Socket()
    socket.receives.problem, socket.receives.waits = ValueError("broken"), waits
    socket.gets(rtp(1), rtp(2))
    (failure,) = socket.failures
    assert isinstance(failure, RuntimeError if waits else ValueError)
