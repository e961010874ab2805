"""The TURN servers of a connection (RFC 8656): all are asked at once, and none is waited for.

aioice asks one server only, before it begins, and waits 5 s for it. Here the connection begins
with its own addresses, and each relayed address joins the check list when it is there: the other
side learns of it from our first check through it (a peer-reflexive candidate, RFC 8445 §7.3.1.3).
So a server that is dead costs nothing, and those that come with a WHEP answer are of use as well.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import structlog
from aioice import Connection
from aioice.ice import StunProtocol, relayed_candidate
from aioice.stun import TransactionError

from orchestrator.media import IceServer

log = structlog.get_logger(__name__)

MAX_TURN_ADDRESSES: Final = 8
"""Addresses that are asked; what a server lists beyond them is left out."""

ANSWER_S: Final = 5.0
"""A server that didn't give a relayed address by then is dead."""

USED: Final = (
    "_check_list",
    "_check_list_done",
    "_closing",
    "_early_checks_done",
    "_local_candidates",
    "_nominated",
    "_pair_remote_candidate",
    "_protocols",
    "_remote_candidates",
    "check_start_task",
    "sort_check_list",
)
"""What is used of aioice's `Connection`; test_turn_relays.py fails when one is gone."""

_PROBLEMS: Final = (OSError, TransactionError, TimeoutError, ValueError, KeyError)

# RFC 7065, and addresses of IPv6 as RFC 3986 writes them.
_URL: Final = re.compile(
    r"(?P<scheme>turns?):(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:?\[\]]+)(:(?P<port>\d{1,5}))?"
    r"(\?transport=(?P<transport>udp|tcp))?"
)


@dataclass(frozen=True, slots=True)
class TurnAddress:
    """One way to ask a TURN server."""

    host: str
    port: int
    transport: str
    tls: bool
    username: str = ""
    credential: str = field(default="", repr=False)

    def __str__(self) -> str:
        kind = "tls" if self.tls else self.transport
        return f"{self.host}:{self.port} ({kind})"


def turn_addresses(servers: Iterable[IceServer]) -> list[TurnAddress]:
    """Those of all servers, in order; what is no TURN server, or one by DTLS, is left out.

    An SFU learns our address from our own checks, so STUN adds nothing.
    """
    found = dict.fromkeys(each for server in servers for each in _addresses(server))
    return list(found)[:MAX_TURN_ADDRESSES]


def _addresses(server: IceServer) -> Iterator[TurnAddress]:
    for url in server.urls:
        match = _URL.fullmatch(url)
        if match is None:
            continue
        tls = match["scheme"] == "turns"
        transport = match["transport"] or ("tcp" if tls else "udp")
        port = int(match["port"] or (5349 if tls else 3478))
        if port > 0xFFFF or (tls and transport == "udp"):
            continue
        host = match["host"].strip("[]")
        yield TurnAddress(host, port, transport, tls, server.username, server.credential)


class TurnRelays:
    """Asks the TURN servers of one connection, and gives it what they relay."""

    def __init__(self) -> None:
        self.unanswered: list[str] = []
        """Servers that gave nothing, and why, in words."""
        self._asked: set[TurnAddress] = set()
        self._asking: set[asyncio.Task[None]] = set()

    def ask(self, servers: Iterable[IceServer], connection: Connection) -> None:
        """Begins to ask those that weren't asked yet."""
        for address in turn_addresses(servers):
            if address not in self._asked and len(self._asked) < MAX_TURN_ADDRESSES:
                self._asked.add(address)
                task = asyncio.create_task(self._ask(address, connection), name=f"TURN {address}")
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

    async def close(self) -> None:
        """Stops asking."""
        tasks = list(self._asking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, address: TurnAddress, connection: Connection) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                protocol = await _relayed(address, connection)
        except _PROBLEMS as problem:
            why = "no answer" if isinstance(problem, TimeoutError) else str(problem)
            self.unanswered.append(f"{address}: {why}")
            log.info("a TURN server gave no relay address", server=str(address), why=why)
            return
        await join(connection, protocol)


async def _relayed(address: TurnAddress, connection: Connection) -> StunProtocol:
    _, protocol = await relayed_candidate(
        component=1,
        hide_related_address=False,
        protocol_factory=lambda: StunProtocol(connection),
        turn_server=(address.host, address.port),
        turn_username=address.username,
        turn_password=address.credential,
        turn_ssl=address.tls,
        turn_transport=address.transport,
    )
    return protocol


async def join(connection: Connection, protocol: StunProtocol) -> None:
    """Tries the way through a relayed address as well, unless there is a way by now."""
    if connection._closing or connection._check_list_done:
        await protocol.close()
        return
    connection._protocols.append(protocol)
    connection._local_candidates.append(protocol.local_candidate)
    if not connection._early_checks_done:
        return  # connect() makes pairs of all that is there when it begins
    for remote in connection.remote_candidates:
        connection._pair_remote_candidate(remote)
    connection.sort_check_list()
    for pair in [each for each in connection._check_list if each.protocol is protocol]:
        connection.check_start_task(pair)
