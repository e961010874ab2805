"""Which addresses a server may name for further requests: not those that only this machine reaches.

A `Location` would otherwise turn a foreign server's answer into a request to our own API, or to
any device of our network.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpx

from orchestrator.http_responses import origin


async def may_name(home: httpx.URL, named: httpx.URL) -> bool:
    """Whether the server at `home` may send us to the address `named`.

    One of another origin that is on this machine or in a private network may be named only by a
    server that is there itself. Names are looked up; one that can't be is no such address.
    """
    if origin(named) == origin(home) or not any(map(_is_internal, await _addresses(named))):
        return True
    own = await _addresses(home)
    return bool(own) and all(map(_is_internal, own))


async def _addresses(url: httpx.URL) -> list[IPv4Address | IPv6Address]:
    """What the host resolves to, in whatever form it is written (127.1, 0x7f000001)."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            url.raw_host, None, type=socket.SOCK_STREAM
        )
        return [ip_address(address[0]) for *_, address in found]
    except (OSError, ValueError):
        return []


def _is_internal(address: IPv4Address | IPv6Address) -> bool:
    """Loopback, link-local, private, shared (RFC 6598), unspecified, or multicast."""
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = inner or address
    return not address.is_global or address.is_multicast
