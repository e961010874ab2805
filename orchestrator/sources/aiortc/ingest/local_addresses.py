"""Our own addresses of a connection: a range of UDP ports, and a public address to advertise.

aioice binds any free port of each address, which no firewall or container can be told of, and
knows no address that a router translates (RFC 8445 §5.1.1).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol

from orchestrator.errors import Unavailable

USED: Final = ("get_component_candidates", "_protocols")
"""What is used of aioice's `Connection`; test_local_addresses.py fails when one is gone."""

LOOPBACK: Final = "127.0.0.1"
"""Used where there is no other address: aioice leaves it out."""

RECEIVE_BUFFER: Final = 1 << 20
"""Bytes that wait in a socket: a keyframe comes at once."""


@dataclass(frozen=True, slots=True)
class LocalAddresses:
    """Which ports and addresses publishers connect to."""

    ports: range | None = None
    """UDP ports; None: any that are free."""
    public: Sequence[str] = ()
    """Addresses from which a router forwards the same ports to this machine."""

    def use_in(self, connection: Connection) -> None:
        """Gathers these in place of what aioice would; before it gathers."""

        async def gather(component: int, addresses: list[str]) -> list[Candidate]:
            protocols = await self._bound(connection, addresses or [LOOPBACK])
            connection._protocols += protocols
            own = [_host(each, component) for each in protocols]
            return [*own, *(each for one in own for each in self._translated(one))]

        setattr(connection, "get_component_candidates", gather)  # noqa: B010

    async def _bound(self, connection: Connection, addresses: Sequence[str]) -> list[StunProtocol]:
        tried = [await self._bind(connection, address) for address in addresses]
        bound = [each for each in tried if each is not None]
        if not bound:
            ports = f" of {self.ports[0]} to {self.ports[-1]}" if self.ports else ""
            raise Unavailable(
                f"No UDP port{ports} is free for a publisher.",
                "Let another publisher leave, or widen ORCHESTRATOR_WHIP_UDP_PORTS.",
                retry_after_s=10.0,
            )
        return bound

    async def _bind(self, connection: Connection, address: str) -> StunProtocol | None:
        for port in self._any_order():
            with contextlib.suppress(OSError):  # it is taken, or the address is gone
                transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda: StunProtocol(connection), local_addr=(address, port)
                )
                transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER
                )
                return protocol
        return None

    def _any_order(self) -> list[int]:
        return [0] if self.ports is None else random.sample(self.ports, len(self.ports))

    def _translated(self, own: Candidate) -> Iterator[Candidate]:
        version = ip_address(own.host.partition("%")[0]).version
        for address in self.public:
            if ip_address(address).version == version and address != own.host:
                yield Candidate(
                    foundation=candidate_foundation("srflx", "udp", own.host),
                    component=own.component,
                    transport="udp",
                    priority=candidate_priority(own.component, "srflx"),
                    host=address,
                    port=own.port,
                    type="srflx",
                    related_address=own.host,
                    related_port=own.port,
                )


def _host(protocol: StunProtocol, component: int) -> Candidate:
    host, port = protocol.transport.get_extra_info("sockname")[:2]
    protocol.local_candidate = Candidate(
        foundation=candidate_foundation("host", "udp", host),
        component=component,
        transport="udp",
        priority=candidate_priority(component, "host"),
        host=host,
        port=port,
        type="host",
    )
    return protocol.local_candidate
