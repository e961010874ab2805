"""Connections that keep quiet or slow, on real sockets: they lock nobody out, and don't stay."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from orchestrator.api import server
from orchestrator.api.access import body_limit, connection_limits, request_limits
from orchestrator.api.access.connection_limits import Connections
from orchestrator.api.access.proxies import trust_in
from tests.kit.api.memory import MemoryManager
from tests.kit.api.serving import Served
from tests.unit.api.test_server import running

Quiet = list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
HEADER = b"GET /api/recording/active HTTP/1.1\r\nHost: 127.0.0.1\r\n"


class Fake:
    """A connection that only knows whether it was ended."""

    def __init__(self) -> None:
        self.there = True

    def hang_up(self) -> None:
        self.there = False


def opened(held: Connections, host: str, number: int) -> list[Fake]:
    made = [Fake() for _ in range(number)]
    for one in made:
        held.opened(one, host)
    return made


def test_the_longest_waiting_makes_room() -> None:
    held = Connections(trust_in([]), most=16, most_of_one=16)
    quiet = opened(held, "198.51.100.1", 16)
    (late,) = opened(held, "203.0.113.1", 1)
    assert [one.there for one in (*quiet[:2], late)] == [False, True, True]
    held.is_asked(quiet[1])
    held.is_asked(quiet[2])
    held.waits(quiet[2])
    (later,) = opened(held, "203.0.113.1", 1)
    assert [one.there for one in quiet[:4]] == [False, True, True, False], (
        "answered: not broken off"
    )
    assert (later.there, len(held), held.hung_up) == (True, 16, 2)


def test_one_address_makes_room_for_itself() -> None:
    held = Connections(trust_in(["127.0.0.1"]), most=16, most_of_one=4)
    other = opened(held, "203.0.113.1", 4)
    flood = [*opened(held, "2001:db8::1", 4), *opened(held, "2001:db8::ffff", 4)]
    assert [one.there for one in flood] == [False] * 4 + [True] * 4, "of one /64"
    proxied = opened(held, "127.0.0.1", 8)
    assert all(one.there for one in (*other, *proxied)), "a proxy's are many people's"


def test_who_cannot_be_answered_is_still_answered_up_to_a_bound() -> None:
    held = Connections(trust_in([]), most=16, most_of_one=16)
    busy = opened(held, "198.51.100.1", 16)
    for one in busy:
        held.is_asked(one)
    asked = []
    for _ in range(2):
        asked += opened(held, "203.0.113.1", 1)
        held.is_asked(asked[-1])
    (late,) = opened(held, "203.0.113.2", 1)
    assert all(one.there for one in (*busy, *asked))
    assert (late.there, len(held)) == (False, 18)
    for one in (*busy, *asked):
        held.closed(one)
        held.closed(one)
    assert len(held) == 0


def busy_of(held: Connections, host: str, number: int) -> list[Fake]:
    """Connections that got a request each and never wait again, as with endless pipelining."""
    made = []
    for _ in range(number):
        made += opened(held, host, 1)
        held.is_asked(made[-1])
    return made


def test_busy_connections_of_one_address_are_bounded() -> None:
    held = Connections(trust_in(["127.0.0.1"]), most=16, most_of_one=4)
    with capture_logs() as lines:
        flood = busy_of(held, "198.51.100.1", 20)
    assert [one.there for one in flood] == [True] * 6 + [False] * 14, "two get an error response"
    assert (len(held), held.hung_up) == (6, 14)
    assert [(line["client"], line["of_its_address"]) for line in lines] == [("198.51.100.1", 7)]
    assert all(one.there for one in busy_of(held, "127.0.0.1", 8)), "a trusted proxy's"


def test_the_reserve_is_for_addresses_with_few_connections() -> None:
    held = Connections(trust_in([]), most=16, most_of_one=16)
    busy_of(held, "198.51.100.1", 18)
    assert len(held) == 16
    (other,) = opened(held, "203.0.113.1", 1)
    busy_of(held, "198.51.100.1", 4)
    assert (other.there, len(held)) == (True, 17), "not displaced before its request arrives"


async def test_pipelining_without_reading_locks_nobody_out(
    manager: MemoryManager, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Connections(trust_in(["127.0.0.1"]), most=8, most_of_one=4)
    monkeypatch.setattr(server, "Connections", lambda *_: held)
    ask = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 20_000
    async with served(manager) as url, httpx.AsyncClient(base_url=url, timeout=20) as client:
        with ExitStack() as deaf:
            for _ in range(12):
                one = deaf.enter_context(socket.socket())
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                one.bind(("127.0.0.2", 0))
                one.setblocking(False)
                with suppress(OSError, TimeoutError):
                    await connected(one, url)
                    async with asyncio.timeout(0.1):
                        await asyncio.get_running_loop().sock_sendall(one, ask)
            assert held.hung_up, "more than one address may have"
            assert (await client.get("/livez")).status_code == 200


async def connected(one: socket.socket, url: str) -> None:
    port = int(url.rpartition(":")[2])
    await asyncio.get_running_loop().sock_connect(one, ("127.0.0.1", port))


@asynccontextmanager
async def quiet(url: str, number: int, sent: bytes = b"") -> AsyncIterator[Quiet]:
    """Connections that send this, and then nothing."""
    made: Quiet = []
    try:
        for _ in range(number):
            made.append(await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2])))
            made[-1][1].write(sent)
        yield made
    finally:
        for _, writer in made:
            writer.transport.abort()


async def last_words(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection is ended by the other side."""
    async with asyncio.timeout(30):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize("sent", [b"", HEADER])
async def test_600_quiet_connections_lock_nobody_out(tmp_path: Path, sent: bytes) -> None:
    """With a server as it is; who waits longest for a request makes room."""
    async with (
        running(tmp_path / "hold") as (_, url),
        quiet(url, 600, sent) as made,
        httpx.AsyncClient(base_url=url, timeout=5) as client,
    ):
        for path in ("/livez", "/api/recording/active", "/metrics"):
            assert (await client.get(path)).status_code == 200
        assert await last_words(made[0][0]) == b""


async def test_nobody_is_waited_for_without_end(
    manager: MemoryManager, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limits, "HEADER_S", 1.0)
    answered = HEADER + b"\r\n"
    async with served(manager) as url:
        async with quiet(url, 1) as ((reader, _),):
            assert await last_words(reader) == b""
        async with quiet(url, 1, HEADER) as ((reader, _),):
            assert (await last_words(reader)).startswith(b"HTTP/1.1 408 ")
        # The second request of a connection as well, and though a byte comes now and then.
        async with quiet(url, 1, answered + HEADER) as ((reader, writer),):
            drip = asyncio.create_task(dripping(writer))
            last = await last_words(reader)
            drip.cancel()
        assert last.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 408 " in last


async def dripping(writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.02)


async def test_a_slow_answer_is_not_cut(
    manager: MemoryManager, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live events go on for hours."""
    monkeypatch.setattr(connection_limits, "HEADER_S", 0.1)
    monkeypatch.setattr(body_limit, "BODY_TIMEOUT_S", 0.1)
    async with (
        served(manager) as url,
        httpx.AsyncClient(base_url=url) as client,
        client.stream("GET", "/api/events") as events,
    ):
        lines = events.aiter_lines()
        async with asyncio.timeout(20):
            for _ in range(2):  # at least a second
                while await anext(lines) != "event: figures":
                    pass


async def test_a_body_has_its_time(
    manager: MemoryManager, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limit, "BODY_TIMEOUT_S", 0.3)
    head = b"POST /api/recording/stop HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{"
    async with served(manager) as url, quiet(url, 1, head) as ((reader, _),):
        last = await last_words(reader)
    assert last.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"too_slow"' in last


@pytest.mark.parametrize("asked", [1, 200])
async def test_an_answer_that_nobody_reads_is_let_go(
    asked: int, manager: MemoryManager, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that is given still, nor one that only waits to be sent."""
    monkeypatch.setattr(connection_limits, "HEADER_S", 0.1)
    monkeypatch.setattr(connection_limits, "STALLED_S", 0.1)
    ask = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    ended: list[BaseException | None] = []
    lost = connection_limits.TimedProtocol.connection_lost

    def noted(self: connection_limits.TimedProtocol, exc: Exception | None) -> None:
        ended.append(exc)
        lost(self, exc)

    monkeypatch.setattr(connection_limits.TimedProtocol, "connection_lost", noted)
    monkeypatch.setattr(server, "KEEP_ALIVE_S", 0)
    async with served(manager) as url:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(ask * asked)
            async with asyncio.timeout(30):
                while not ended:
                    await asyncio.sleep(0.01)


async def test_requests_are_bounded_and_liveness_is_reported_anyway(
    manager: MemoryManager, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_limits, "MOST", 2)
    async with served(manager) as url, httpx.AsyncClient(base_url=url) as client:
        async with client.stream("GET", "/api/events"), client.stream("GET", "/api/events"):
            refused = await client.get("/api/recording/active")
            assert (refused.status_code, refused.json()["code"]) == (503, "too_busy")
            assert int(refused.headers["retry-after"]) >= 1
            assert (await client.get("/livez")).status_code == 200
        async with asyncio.timeout(20):
            while (await client.get("/api/recording/active")).status_code != 200:
                await asyncio.sleep(0.01)


async def test_one_address_takes_not_all(
    manager: MemoryManager, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also behind a proxy that tells who calls; one that doesn't is everybody."""
    monkeypatch.setattr(request_limits, "MOST_OF_ONE", 1)
    one, other = {"X-Forwarded-For": "198.51.100.1"}, {"X-Forwarded-For": "198.51.100.2"}
    async with (
        served(manager) as url,
        httpx.AsyncClient(base_url=url) as client,
        client.stream("GET", "/api/events", headers=one),
    ):
        statuses = [
            (await client.get("/api/recording/active", headers=headers)).status_code
            for headers in (one, other, {})
        ]
        assert statuses == [503, 200, 200]
