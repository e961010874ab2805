"""Reads a connection's sockets some times a second, all that came at once.

Waking up for a packet costs as much as what is done with it (docs/benchmarks.md), and nobody waits
for a recorder. When each came is what the kernel noted (socket(7), SO_TIMESTAMPNS), so times are
what they would be. Only on Linux; elsewhere asyncio reads, as it does while a connection is young:
its first frames are wanted soon.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

from aiortc import RTCPeerConnection

from orchestrator.media import SECOND_NS
from orchestrator.sources.aiortc.direct_packets import ArrivalClock, protocols_of

YOUNG_S: Final = 3.0
"""How long asyncio reads."""

SO_TIMESTAMPNS: Final = 35
"""Linux, asm-generic/socket.h; Python doesn't name it."""

_TIMESPEC: Final = struct.Struct("@ll")
_ROOM: Final = 64
"""For what comes beside a datagram."""

LARGEST: Final = 4096
"""Of a datagram; longer ones are cut, and then fail as forged ones do."""

FEW: Final = 32
"""Packets read at once; a socket has room for some two hundred of them. If more came, the next time
is sooner."""

SOONEST_S: Final = 0.005

MOST: Final = 1024
"""Packets read before something else has its turn."""


@dataclass(slots=True)
class _Socket:
    protocol: Any
    own: socket.socket


class SocketBatches:
    """The sockets of one connection. `read` is called from time to time; if much comes, it reads
    in between by itself.
    """

    def __init__(self, arrivals: ArrivalClock) -> None:
        self._arrivals = arrivals
        self._sockets: list[_Socket] = []
        self._beginning: asyncio.TimerHandle | None = None
        self._next: asyncio.TimerHandle | None = None
        self._read_ns = 0

    def begin_soon(self, connection: RTCPeerConnection) -> None:
        """Takes the reading over from asyncio when the connection isn't young any more."""
        loop = asyncio.get_running_loop()
        if self._beginning is None and sys.platform == "linux" and hasattr(loop, REMOVE_READER):
            self._beginning = loop.call_later(YOUNG_S, self._begin, connection)

    def read(self) -> None:
        """Handles what came since the last time."""
        now_ns = time.monotonic_ns()
        since_ns, self._read_ns = self._read_ns, now_ns
        count = sum(self._read(each, since_ns, MOST) for each in self._sockets)
        self._arrivals.ns = 0
        if count > FEW:
            elapsed_s = (now_ns - since_ns) / SECOND_NS
            self._read_again(max(SOONEST_S, elapsed_s * FEW / count))

    def close(self) -> None:
        """Reads no more."""
        for timer in (self._beginning, self._next):
            if timer is not None:
                timer.cancel()
        for each in self._sockets:
            each.own.close()
        self._sockets.clear()

    def _begin(self, connection: RTCPeerConnection) -> None:
        self._read_ns = time.monotonic_ns()
        for protocol in protocols_of(connection):
            transport = protocol.transport
            theirs = transport.get_extra_info("socket") if transport is not None else None
            if theirs is None or theirs.type != socket.SOCK_DGRAM or transport.is_closing():
                continue  # what a TURN server relays comes by another one
            own = theirs.dup()
            own.setblocking(False)
            own.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            getattr(asyncio.get_running_loop(), REMOVE_READER)(theirs.fileno())
            self._sockets.append(_Socket(protocol, own))

    def _read_again(self, delay_s: float) -> None:
        if self._next is not None:
            self._next.cancel()
        self._next = asyncio.get_running_loop().call_later(delay_s, self.read)

    def _read(self, each: _Socket, since_ns: int, most: int) -> int:
        offset_ns = time.monotonic_ns() - time.time_ns()
        protocol, receive = each.protocol, each.own.recvmsg
        for count in range(most):
            try:
                data, beside, _, address = receive(LARGEST, _ROOM)
            except (BlockingIOError, InterruptedError):
                return count
            except OSError as problem:
                protocol.error_received(problem)
                return count
            # A wall clock that was set meanwhile moves none out of the time it came in.
            came_ns = min(max(_stamp_ns(beside) + offset_ns, since_ns), time.monotonic_ns())
            self._arrivals.ns = came_ns
            try:
                protocol.datagram_received(data, address)
            except Exception as problem:  # noqa: BLE001  as asyncio does for a datagram
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "a datagram could not be handled", "exception": problem}
                )
        return most


REMOVE_READER: Final = "_remove_reader"
"""Of asyncio's loops that read sockets themselves; the public one refuses a transport's socket."""


def _stamp_ns(beside: list[tuple[int, int, bytes]]) -> int:
    """When the kernel took a datagram in, on the wall clock; now if it doesn't say."""
    for level, kind, data in beside:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS) and len(data) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            return int(seconds) * SECOND_NS + int(nanoseconds)
    return time.time_ns()
