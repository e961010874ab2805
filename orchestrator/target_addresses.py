"""Which addresses a request or a foreign server may lead us to: none that others don't reach.

A URL would otherwise be a way to our own API, to whatever listens on this machine only, or to any
device of its network (SSRF). What was checked has to be what is connected to: a name may resolve
to something else a moment later (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

import psutil

from orchestrator.errors import InvalidRequest

Address = IPv4Address | IPv6Address

LOOKUP_S: Final = 5.0
"""How long a name may take to be looked up."""

_NAT64: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052: an IPv4 address in the last four bytes."""
_COMPATIBLE: Final = IPv6Network("::/96")
"""RFC 4291 §2.5.5.1: likewise, and deprecated; `::` and `::1` are in it."""

_INTERNAL: Final = tuple(map(IPv6Network, ("64:ff9b:1::/48", "::ffff:0:0:0/96", "fec0::/10")))
"""Where the first two lead is a matter of the network's own translator (RFC 8215, RFC 2765); the
third is deprecated, and routed within a site (RFC 3879)."""
_OF_CLOUDS: Final = frozenset(map(ip_address, ("168.63.129.16", "192.0.0.192")))
"""Public by their numbers, and answered by the host of a virtual machine: Azure's, Oracle's."""

_LOOKUPS: Final = ThreadPoolExecutor(8, thread_name_prefix="name-lookup")
"""Apart from other threads: a name server that doesn't answer holds one of these for long."""


async def checked_addresses(host: str, field: str, *, private: bool) -> tuple[str, ...]:
    """What a host that a request names resolves to, in the resolver's order; at most 16 addresses.

    Connect to these, not to the name. Empty: it can't be looked up now; whoever connects later
    checks it again then. `private`: it may lead anywhere (`allow_private_targets`).

    Raises InvalidRequest with `field` if one of them is of this machine or a private network.
    """
    found = await addresses_of(host)
    if not private and any([is_internal(address) for address in found]):
        raise InvalidRequest(
            f"{host[:255]} is an address of this machine or of a private network.",
            "Name a public one; or set allow_private_targets if whoever may call this API may"
            " reach what this machine reaches.",
            field=field,
        )
    if not private and (own := await asyncio.to_thread(_own_addresses)) & set(found):
        raise InvalidRequest(
            f"{host[:255]} is this machine ({', '.join(sorted(map(str, own & set(found))))}).",
            "Name another; or set allow_private_targets.",
            field=field,
        )
    return tuple(map(str, found))


async def internal_ones(addresses: Iterable[Address]) -> set[Address]:
    """Those of them that are of a private network, or of this machine, public ones too."""
    own = await asyncio.to_thread(_own_addresses)
    return {each for each in addresses if is_internal(each) or each in own}


async def addresses_of(host: str) -> Sequence[Address]:
    """What it resolves to, in whatever form it is written (127.1, 0x7f000001), each once.

    Empty if it can't be looked up, or not within 5 s.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(LOOKUP_S):
            return (await loop.run_in_executor(_LOOKUPS, _resolved, host))[:16]
    except (OSError, ValueError):  # TimeoutError is an OSError, UnicodeError a ValueError
        return ()


def _resolved(host: str) -> list[Address]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(address[0]) for *_, address in found))


def is_internal(address: Address) -> bool:
    """Loopback, link-local, private, shared (RFC 6598), unspecified, multicast, or of a
    cloud's own services; also if it is written in an IPv6 address (RFC 4291 §2.5.5, RFC 6052, 6to4,
    Teredo)."""
    if isinstance(address, IPv6Address) and any(address in each for each in _INTERNAL):
        return True
    if isinstance(address, IPv6Address) and (inner := _written_in(address)) is not None:
        return any(map(is_internal, inner))
    return not address.is_global or address.is_multicast or address in _OF_CLOUDS


def _written_in(address: IPv6Address) -> Sequence[IPv4Address] | None:
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if address in _NAT64 or address in _COMPATIBLE:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return None


def _own_addresses() -> set[Address]:
    """Those of this machine's network interfaces."""
    families = (socket.AF_INET, socket.AF_INET6)
    return {
        ip_address(one.address.partition("%")[0])
        for interface in psutil.net_if_addrs().values()
        for one in interface
        if one.family in families
    }
