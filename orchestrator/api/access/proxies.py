"""The client behind reverse proxies: X-Forwarded-For and -Proto of trusted ones.

A proxy appends the address of its client to the list, so the list is read from its end: the first
address that is not a trusted proxy's is the client's (MDN, X-Forwarded-For, "Selecting an IP
address"). These headers are ignored if they come from anybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

UNKNOWN: Final = "unknown"
"""The address of a client that has none, as on a Unix socket."""

MOST_HOPS: Final = 32
_TRUSTED: Final = "haven.trusted_proxy"

Address = IPv4Address | IPv6Address


def client_address(connection: HTTPConnection) -> str:
    """The client's address; behind a trusted proxy, the one it forwards."""
    return connection.client.host if connection.client else UNKNOWN


def is_from_trusted_proxy(scope: Scope) -> bool:
    """Whether this connection comes from a trusted proxy, whose headers are valid."""
    return bool(scope.get(_TRUSTED))


def client_network(host: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 network of an IPv6 address."""
    address = _parsed(host)
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return str(ip_network((address, 64), strict=False))
    return str(address or host)


def trust_in(networks: Sequence[str]) -> Callable[[str], bool]:
    """A function that tells whether an address is in one of the networks."""
    known = [ip_network(network) for network in networks]

    def trusted(host: str) -> bool:
        address = _parsed(host)
        return address is not None and any(address in network for network in known)

    return trusted


class ForwardedHeaders:
    """ASGI middleware: takes the client's address and scheme from a trusted proxy.

    X-Forwarded-Host is removed unless it comes from a trusted proxy; `origins` reads it.
    """

    def __init__(self, app: ASGIApp, trusted_proxies: Sequence[str]) -> None:
        self.app = app
        self._trusted = trust_in(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and self._trusted(_peer(scope)):
            scope = {**scope, _TRUSTED: True, **self._forwarded(scope)}
        elif "headers" in scope:
            headers = [header for header in scope["headers"] if header[0] != b"x-forwarded-host"]
            scope = {**scope, "headers": headers}
        await self.app(scope, receive, send)

    def _forwarded(self, scope: Scope) -> Scope:
        headers = Headers(scope=scope)
        values: Scope = {}
        if client := forwarded_client(headers.getlist("x-forwarded-for"), self._trusted):
            values["client"] = (client, 0)
        scheme = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
        if scheme in ("http", "https"):
            values["scheme"] = scheme
        return values


def forwarded_client(lines: Sequence[str], trusted: Callable[[str], bool]) -> str | None:
    """The last address in the header's lines that is not a trusted proxy's, else the first one.

    None if there is none; entries before one that is not an address can't be trusted.
    """
    client = None
    for entry in reversed(",".join(lines).split(",")[-MOST_HOPS:]):
        address = _parsed(_without_port(entry.strip()))
        if address is None:
            break
        client = str(address)
        if not trusted(client):
            break
    return client


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else UNKNOWN


def _without_port(entry: str) -> str:
    """`1.2.3.4:567` and `[::1]:567` are common, too."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _parsed(host: str) -> Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    # A dual-stack socket sees IPv4 addresses in this form (RFC 4291 §2.5.5.2).
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
