"""Hands RTP and RTCP packets from the socket to their receiver at once.

aioice tries to read each datagram as STUN, puts it into a queue and wakes aiortc's task, which
computes its arrival from two dates: a tenth of the event loop's CPU time (docs/benchmarks.md). All
other datagrams go that way, and RTP behind those that still wait there.
"""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import pylibsrtp
from aioice.ice import StunProtocol
from aiortc import RTCDtlsTransport, RTCPeerConnection
from aiortc.rtcdtlstransport import State
from aiortc.rtp import is_rtcp

from orchestrator.sources.rtp_packet import parse

USED: Final = ("_handle_rtcp_data", "_rtp_router", "_rx_srtp", "_state", "transport")
"""What is used of aiortc's `RTCDtlsTransport`; test_direct_packets.py fails when one is gone."""

LONGEST: Final = 1500
"""pylibsrtp has room for no more, and fails otherwise than at what is forged."""

Failed = Callable[[Exception], None]


class ArrivalClock:
    """When the datagram came that is handled now."""

    def __init__(self) -> None:
        self.ns = 0
        """By whom reads it, on `time.monotonic_ns()`'s scale; 0 if nobody notes it."""

    def now_ns(self) -> int:
        """That moment; this one if nobody noted it."""
        return self.ns or time.monotonic_ns()


def take_directly(connection: RTCPeerConnection, failed: Failed) -> None:
    """From now on. `failed` gets what aiortc would have ended the connection for."""
    for transport in _transports(connection):
        for protocol in transport.transport._connection._protocols:
            if not isinstance(protocol.datagram_received, DirectPackets):
                direct = DirectPackets(protocol, transport, failed)
                setattr(protocol, "datagram_received", direct)  # noqa: B010


def protocols_of(connection: RTCPeerConnection) -> list[Any]:
    """aioice's, one for each socket."""
    return [
        protocol
        for transport in _transports(connection)
        for protocol in transport.transport._connection._protocols
    ]


def _transports(connection: RTCPeerConnection) -> set[RTCDtlsTransport]:
    transports = {each.receiver.transport for each in connection.getTransceivers()}
    if connection.sctp is not None:  # LiveKit's first offer has nothing else
        transports.add(connection.sctp.transport)
    return transports


class DirectPackets:
    """Takes the place of a socket's `datagram_received`."""

    def __init__(self, protocol: StunProtocol, transport: RTCDtlsTransport, failed: Failed) -> None:
        self._usual = protocol.datagram_received
        self._waiting = protocol.receiver._queue
        self._transport = transport
        self._failed = failed
        self._ended = False

    def __call__(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if self._ended or _is_fatal(data):
            return
        connected = self._transport._state is State.CONNECTED
        if connected and 127 < data[0] < 192 and self._waiting.empty():  # RFC 7983 §7
            self._take(data)
        else:
            with contextlib.suppress(struct.error):  # STUN that can't be read
                self._usual(data, addr)

    def _take(self, data: bytes) -> None:
        transport = self._transport
        handling: Coroutine[Any, Any, None] | None
        try:
            if is_rtcp(data):
                handling = transport._handle_rtcp_data(transport._rx_srtp.unprotect_rtcp(data))
            else:
                handling = self._handled(transport._rx_srtp.unprotect(data))
        except (pylibsrtp.Error, ValueError, struct.error):
            return  # forged, repeated, or not RTP
        if handling is None:
            return
        try:
            _run(handling)
        except Exception as problem:  # noqa: BLE001  ends the connection, as in aiortc's task
            self._ended = True
            self._failed(problem)

    def _handled(self, plain: bytes) -> Coroutine[Any, Any, None] | None:
        packet: Any = parse(plain)
        receiver: Any = self._transport._rtp_router.route_rtp(packet)
        if receiver is None:
            return None
        handling: Coroutine[Any, Any, None] = receiver._handle_rtp_packet(packet, arrival_time_ms=0)
        return handling


def _is_fatal(data: bytes) -> bool:
    """Whether aiortc would end the connection for it, whoever sent it: empty, or too long a one
    of RTP or RTCP."""
    return not data or (len(data) > LONGEST and 127 < data[0] < 192)


def _run(receiving: Coroutine[Any, Any, None]) -> None:
    """To its end: what it awaits is to send requests, and that waits for nothing."""
    try:
        receiving.send(None)
    except StopIteration:
        return
    receiving.close()
    raise RuntimeError("aiortc waited while it took a packet")
