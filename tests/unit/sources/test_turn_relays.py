"""Which TURN servers are asked, and that one which is dead costs nothing."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aioice import Candidate, Connection
from aioice.ice import relayed_candidate

from orchestrator.media import IceServer
from orchestrator.sources.aiortc import turn_relays as relaying
from orchestrator.sources.aiortc.turn_relays import (
    MAX_TURN_ADDRESSES,
    USED,
    TurnAddress,
    TurnRelays,
    join,
    turn_addresses,
)

DEAD = IceServer(("turn:192.0.2.1:3478?transport=udp",), "user", "secret")
ALIVE = IceServer(("turn:192.0.2.2:3478?transport=udp",), "user", "secret")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("turn:t.example.net", "t.example.net:3478 (udp)"),
        ("turn:t.example.net:99?transport=tcp", "t.example.net:99 (tcp)"),
        ("turns:t.example.net", "t.example.net:5349 (tls)"),
        ("turns:t.example.net:443?transport=tcp", "t.example.net:443 (tls)"),
        ("turn:[2001:db8::1]:99", "2001:db8::1:99 (udp)"),
        ("turns:t.example.net?transport=udp", None),
        ("turn:t.example.net:70000", None),
        ("turn:", None),
        ("turn:a b", None),
        ("stun:t.example.net", None),
        ("https://t.example.net", None),
    ],
)
def test_addresses_of_turn_servers(url: str, expected: str | None) -> None:
    found = turn_addresses([IceServer((url,), "user", "secret")])
    assert [str(each) for each in found] == ([] if expected is None else [expected])
    assert "secret" not in repr(found)


def test_no_more_than_a_few_are_asked_and_none_twice() -> None:
    many = IceServer(tuple(f"turn:t{number}.example.net" for number in range(99)))
    assert len(turn_addresses([many])) == MAX_TURN_ADDRESSES
    assert len(turn_addresses([ALIVE, ALIVE])) == 1


def test_aioice_has_what_is_used() -> None:
    connection = Connection(ice_controlling=True)
    assert [name for name in USED if not hasattr(connection, name)] == []
    assert inspect.signature(relayed_candidate).parameters.keys() == {
        *("component", "hide_related_address", "protocol_factory"),
        *("turn_server", "turn_username", "turn_password", "turn_ssl", "turn_transport"),
    }
    source = inspect.getsource(Connection.connect)
    assert "for remote_candidate in self._remote_candidates:\n" in source
    assert "self._early_checks_done = True" in source


class Protocol:
    """A way through a relay."""

    def __init__(self, address: TurnAddress) -> None:
        self.closed = False
        self.local_candidate = Candidate("1", 1, "udp", 1, address.host, 9, "relay")

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    made = Connection(ice_controlling=True)
    made.remote_username, made.remote_password = "user", "password"
    yield made
    made._protocols.clear()
    await made.close()


async def test_one_that_is_dead_delays_no_other(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = asyncio.Event()

    async def relayed(address: TurnAddress, _: Connection) -> Protocol:
        if address.host == "192.0.2.1":
            await asyncio.Event().wait()
        came.set()
        return Protocol(address)

    monkeypatch.setattr(relaying, "_relayed", relayed)
    monkeypatch.setattr(relaying, "ANSWER_S", 0.3)
    relays = TurnRelays()
    began = time.monotonic()
    relays.ask([DEAD, ALIVE], connection)
    relays.ask([DEAD, ALIVE], connection)
    assert time.monotonic() - began < 0.1, "it is not waited for"
    async with asyncio.timeout(5):
        await came.wait()
        while not relays.unanswered:
            await asyncio.sleep(0.01)
    assert [each.host for each in connection.local_candidates] == ["192.0.2.2"]
    assert relays.unanswered == ["192.0.2.1:3478 (udp): no answer"]
    await relays.close()


async def test_what_comes_when_there_is_a_way_is_given_back(connection: Connection) -> None:
    connection._check_list_done = True
    late: Any = Protocol(turn_addresses([ALIVE])[0])
    await join(connection, late)
    assert late.closed
    assert connection.local_candidates == []


async def test_what_comes_during_the_checks_is_checked_at_once(connection: Connection) -> None:
    started: list[object] = []
    connection.check_start_task = started.append  # type: ignore[method-assign, assignment]
    await connection.add_remote_candidate(Candidate("1", 1, "udp", 1, "192.0.2.9", 9, "host"))
    connection._early_checks_done = True
    late: Any = Protocol(turn_addresses([ALIVE])[0])
    await join(connection, late)
    (pair,) = connection._check_list
    assert started == [pair]
    assert pair.remote_addr == ("192.0.2.9", 9)
    connection._check_list.clear()


async def test_nothing_is_asked_after_the_end(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[TurnAddress] = []

    async def relayed(address: TurnAddress, _: Connection) -> SimpleNamespace:
        asked.append(address)
        await asyncio.Event().wait()
        return SimpleNamespace()

    monkeypatch.setattr(relaying, "_relayed", relayed)
    relays = TurnRelays()
    relays.ask([DEAD], connection)
    while not asked:
        await asyncio.sleep(0)
    await relays.close()
    assert not [each for each in asyncio.all_tasks() if "TURN" in each.get_name()]
