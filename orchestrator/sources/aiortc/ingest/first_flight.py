"""Sends the beginning of the DTLS handshake again until anything comes back, well before its timer.

OpenSSL's timer is a second (RFC 6347 §4.2.4.1). A publisher that waits for our handshake
(``a=setup:passive``, as ffmpeg's WHIP muxer does) may not read the first datagram: ffmpeg 9 takes
it as the sign to begin, and throws it away. The same datagram again is what a network may do.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiortc import RTCDtlsTransport

RECEIVED: Final = "_RTCDtlsTransport__rx_packets"
"""How many datagrams came; test_first_flight.py fails when it is gone."""

AGAIN_S: Final = (0.03, 0.1, 0.25, 0.5)
"""After the first."""

_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_TYPE_AT: Final = 13
"""Behind the record's header (RFC 6347 §4.1)."""


class FirstFlight:
    """Of one connection, from before it begins until `close`."""

    def __init__(self, transport: RTCDtlsTransport) -> None:
        self._send, self._transport = transport.transport._send, transport
        self._timers: list[asyncio.TimerHandle] = []
        self._sending: set[asyncio.Task[None]] = set()
        setattr(transport.transport, "_send", self._sent)  # noqa: B010

    async def close(self) -> None:
        """Sends nothing more."""
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def _sent(self, data: bytes) -> None:
        await self._send(data)
        hello = len(data) > _TYPE_AT and (data[0], data[_TYPE_AT]) == (_HANDSHAKE, _CLIENT_HELLO)
        if hello and not self._timers:
            loop = asyncio.get_running_loop()
            self._timers = [loop.call_later(after, self._again, data) for after in AGAIN_S]

    def _again(self, data: bytes) -> None:
        if getattr(self._transport, RECEIVED) == 0:
            task = asyncio.create_task(self._try(data))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _try(self, data: bytes) -> None:
        try:
            await self._send(data)
        except ConnectionError:
            return  # the connection has ended
