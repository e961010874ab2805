"""Datagrams are read together, and came when the kernel says."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.sources.aiortc import socket_batches
from orchestrator.sources.aiortc.direct_packets import ArrivalClock
from orchestrator.sources.aiortc.socket_batches import FEW, LARGEST, REMOVE_READER, SocketBatches

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="as asyncio has it elsewhere")


class Protocol(asyncio.DatagramProtocol):
    """Stands for aioice's."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.clock: ArrivalClock | None = None
        self.came: list[tuple[bytes, int]] = []
        self.problem: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        assert addr[0] == "127.0.0.1"
        if self.problem is not None:
            raise self.problem
        self.came.append((data, self.clock.now_ns() if self.clock else 0))

    @property
    def numbers(self) -> list[int]:
        return [int.from_bytes(data) for data, _ in self.came]


class Dtls:
    """Stands for aiortc's transport, of which sets are made."""

    def __init__(self, ice: object) -> None:
        self.transport = ice


class Ends:
    """A connection with one socket, and who sends to it."""

    def __init__(self, protocol: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
        self.protocol = protocol
        self.clock = protocol.clock = ArrivalClock()
        self.batches = SocketBatches(self.clock)
        ice = SimpleNamespace(_connection=SimpleNamespace(_protocols=[protocol]))
        dtls = Dtls(ice)
        self.connection: Any = SimpleNamespace(
            getTransceivers=lambda: [SimpleNamespace(receiver=SimpleNamespace(transport=dtls))],
            sctp=None,
        )
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.to = protocol.transport.get_extra_info("sockname")
        monkeypatch.setattr(socket_batches, "YOUNG_S", 0)

    def send(self, *numbers: int) -> None:
        for number in numbers:
            self.sender.sendto(number.to_bytes(4), self.to)

    async def begin(self) -> None:
        self.batches.begin_soon(self.connection)
        async with asyncio.timeout(5):
            while not self.batches._sockets:
                await asyncio.sleep(0.001)


@pytest.fixture
async def ends(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ends]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0))
    made = Ends(protocol, monkeypatch)
    yield made
    made.batches.close()
    made.sender.close()
    transport.close()


async def turns() -> None:
    """asyncio would have read by now."""
    for _ in range(20):
        await asyncio.sleep(0.001)


async def test_nothing_is_read_before_its_time_and_then_all_in_order(ends: Ends) -> None:
    await ends.begin()
    ends.send(*range(FEW))
    await turns()
    assert ends.protocol.came == []
    ends.batches.read()
    assert ends.protocol.numbers == list(range(FEW))
    ends.batches.read()
    assert ends.protocol.numbers == list(range(FEW))


async def test_each_came_when_it_did_however_late_it_is_read(ends: Ends) -> None:
    await ends.begin()
    sent = []
    for number in range(5):
        before = time.monotonic_ns()
        ends.send(number)
        sent.append((before, time.monotonic_ns()))
        await asyncio.sleep(0.01)
    ends.batches.read()
    for (before, after), (_, came_ns) in zip(sent, ends.protocol.came, strict=True):
        # The wall clock and the monotonic one are read one after the other.
        assert before - 2_000_000 <= came_ns <= after + 2_000_000
    assert ends.clock.now_ns() >= sent[-1][1], "what is handled afterwards is handled now"


async def test_a_wall_clock_that_was_set_moves_nothing_far(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ends.begin()
    ends.batches.read()
    for step_ns in (-3600 * 10**9, 3600 * 10**9):
        before = time.monotonic_ns()
        ends.send(1)
        wall_ns = time.time_ns
        with monkeypatch.context() as patched:
            patched.setattr(time, "time_ns", lambda: wall_ns() + step_ns)  # noqa: B023
            ends.batches.read()
        assert before - 50_000_000 <= ends.protocol.came[-1][1] <= time.monotonic_ns()


async def test_if_much_comes_it_is_read_sooner(ends: Ends) -> None:
    await ends.begin()
    await asyncio.sleep(0.02)
    ends.send(*range(FEW + 1))
    ends.batches.read()
    ends.send(FEW + 1)
    async with asyncio.timeout(5):
        while len(ends.protocol.came) < FEW + 2:
            await asyncio.sleep(0.001)


async def test_a_datagram_that_fails_ends_nothing(ends: Ends) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    await ends.begin()
    ends.protocol.problem = ValueError("broken")
    ends.send(1)
    ends.batches.read()
    ends.protocol.problem = None
    ends.send(2)
    ends.batches.read()
    assert [str(each["exception"]) for each in told] == ["broken"]
    assert ends.protocol.numbers == [2]


async def test_one_that_is_longer_than_any_is_cut(ends: Ends) -> None:
    await ends.begin()
    ends.sender.sendto(bytes(LARGEST + 100), ends.to)
    ends.batches.read()
    assert [len(data) for data, _ in ends.protocol.came] == [LARGEST]


async def test_before_it_begins_and_where_it_cant_asyncio_reads(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_batches, "REMOVE_READER", "no_such_method")
    ends.batches.begin_soon(ends.connection)
    ends.send(1)
    async with asyncio.timeout(5):
        while not ends.protocol.came:
            await asyncio.sleep(0.001)
    ends.batches.read()
    assert ends.protocol.numbers == [1]


async def test_it_leaves_no_socket_and_no_timer(ends: Ends) -> None:
    await ends.begin()
    await asyncio.sleep(0.01)
    ends.send(*range(FEW + 1))
    ends.batches.read()
    own = ends.batches._sockets[0].own
    ends.batches.close()
    assert own.fileno() == -1
    ends.batches.read()
    assert ends.batches._next is not None
    assert ends.batches._next.cancelled()


async def test_asyncio_has_what_is_used() -> None:
    assert hasattr(asyncio.get_running_loop(), REMOVE_READER)
