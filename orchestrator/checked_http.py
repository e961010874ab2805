"""HTTP to addresses that were checked: for URLs that requests and foreign servers name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Final
from urllib.request import getproxies, proxy_bypass

import httpx

from orchestrator.target_addresses import checked_addresses

NO_REUSE: Final = httpx.Limits(max_connections=100, max_keepalive_connections=0)
"""A connection is checked when it is made, and serves one request."""

NEXT_ADDRESS_S: Final = 1.0
"""An address that takes no connection within that time is left for the next one, if there is one:
of many hosts one family of addresses is reached, and the other isn't."""

Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a host, in the order in which they are tried; empty if it can't be looked up.
Raises what its request is to raise if it may not be asked."""


async def public_addresses(host: str) -> Sequence[str]:
    """Those of a host; InvalidRequest if one of them is private."""
    return await checked_addresses(host, "url", private=False)


class CheckedTransport(httpx.AsyncBaseTransport):
    """Looks up the host of each request, and connects to the addresses that were checked.

    Certificates are those of the host's name. Raises what the lookup raises, httpx.ConnectError for
    a name that can't be looked up.
    """

    def __init__(self, lookup: Lookup = public_addresses, *, proxies: bool = False) -> None:
        """`proxies`: those of the environment are used; they look names up by themselves."""
        self._lookup = lookup
        self._proxies = getproxies() if proxies else {}
        self._transports: dict[str | None, httpx.AsyncHTTPTransport] = {}
        """By proxy; None: there is none."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response of the first of its addresses that takes a connection."""
        if (proxy := self._proxy_for(request.url)) is not None:
            return await (await self._transport(proxy)).handle_async_request(request)
        host = request.url.raw_host.decode("ascii")
        addresses = await self._lookup(host)
        transport = await self._transport(None)
        failure = httpx.ConnectError(f"{host} can't be looked up", request=request)
        for left, address in reversed(list(enumerate(reversed(addresses)))):
            try:
                return await transport.handle_async_request(_to(address, request, last=not left))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = httpx.ConnectError(str(error) or "no connection", request=request)
        raise failure

    async def aclose(self) -> None:
        """Closes its connections."""
        for transport in self._transports.values():
            await transport.aclose()

    def _proxy_for(self, url: httpx.URL) -> str | None:
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        if proxy is None or proxy_bypass(url.host):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    async def _transport(self, proxy: str | None) -> httpx.AsyncHTTPTransport:
        """In a thread, as the certificates of all authorities are read from the disk."""
        if proxy not in self._transports:
            self._transports[proxy] = await asyncio.to_thread(
                httpx.AsyncHTTPTransport, limits=NO_REUSE, proxy=proxy
            )
        return self._transports[proxy]


def _to(address: str, request: httpx.Request, *, last: bool) -> httpx.Request:
    """The same request at this address: its Host header stays, and its name in TLS."""
    extensions = dict(request.extensions)
    if not _is_address(request.url.host):
        extensions["sni_hostname"] = request.url.raw_host.decode("ascii")
    if not last:
        timeout = extensions.get("timeout", {})
        connect_s = timeout.get("connect") or NEXT_ADDRESS_S
        extensions["timeout"] = timeout | {"connect": min(connect_s, NEXT_ADDRESS_S)}
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions=extensions,
    )


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
