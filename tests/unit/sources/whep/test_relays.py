"""The TURN server that a WHEP answer names is really asked, with the credentials it comes with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aioice.stun import Class, Message, Method, parse_message

from orchestrator.media import WhepEndpoint
from tests.kit.sources.watcher import watching
from tests.kit.sources.whep_server import TOKEN, whep_server


class TurnServer(asyncio.DatagramProtocol):
    """Wants to know who asks (RFC 8656 §7.2), and has no room for anybody (486)."""

    def __init__(self) -> None:
        self.asked: list[Message] = []
        self.authenticated = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = parse_message(data)
        self.asked.append(request)
        known = "USERNAME" in request.attributes
        error = (486, "Allocation Quota Reached") if known else (401, "Unauthorized")
        answer = Message(request.message_method, Class.ERROR, request.transaction_id)
        answer.attributes["ERROR-CODE"] = error
        answer.attributes["REALM"], answer.attributes["NONCE"] = "tests", b"once"
        self._transport.sendto(bytes(answer), addr)
        if known:
            self.authenticated.set()


@asynccontextmanager
async def turn_server() -> AsyncIterator[tuple[TurnServer, int]]:
    """One on a UDP socket of loopback, and its port."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        TurnServer, local_addr=("127.0.0.1", 0)
    )
    try:
        yield server, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@pytest.mark.parametrize("counter", [False, True], ids=["answer", "counter-offer"])
async def test_a_turn_server_of_the_link_headers_is_asked(*, counter: bool) -> None:
    async with turn_server() as (turn, port), turn_server() as (stun, stun_port):
        links = [
            f'<stun:127.0.0.1:{stun_port}>; rel="ice-server"',
            f'<turn:127.0.0.1:{port}?transport=udp>; rel="ice-server"; username="user"; '
            'credential="pass"; credential-type="password"',
        ]
        async with (
            whep_server(audio=False, counter=counter, links=links) as server,
            watching(WhepEndpoint(server.url, TOKEN), alone=False) as (source, watcher),
        ):
            async with asyncio.timeout(10):
                await turn.authenticated.wait()
            await source.subscribe(frozenset({"video"}))
            await watcher.until(lambda: len(watcher.codes) > 5)
    assert {each.message_method for each in turn.asked} == {Method.ALLOCATE}
    assert turn.asked[-1].attributes["USERNAME"] == "user"
    assert "MESSAGE-INTEGRITY" in turn.asked[-1].attributes
    assert stun.asked == [], "the server learns our address from our own checks"
