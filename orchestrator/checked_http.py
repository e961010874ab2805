"""HTTP to addresses that were checked: for URLs that requests name."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

import httpx

from orchestrator.target_addresses import checked_addresses

NO_REUSE: Final = httpx.Limits(max_connections=100, max_keepalive_connections=0)
"""A connection is checked when it is made, and serves one request."""


class CheckedTransport(httpx.AsyncBaseTransport):
    """Looks up the host of each request, and connects to the addresses that it has checked.

    Certificates are those of the host's name. Proxies of the environment are not used: they would
    look the name up again. Raises InvalidRequest for a private address, httpx.ConnectError for a
    name that can't be looked up.
    """

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport(limits=NO_REUSE)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response of the first of its addresses that takes a connection."""
        host = request.url.raw_host.decode("ascii")
        addresses = await checked_addresses(host, "url", private=False)
        failure = httpx.ConnectError(f"{host} can't be looked up", request=request)
        for address in addresses:
            try:
                return await self._inner.handle_async_request(_to(address, request))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = httpx.ConnectError(str(error), request=request)
        raise failure

    async def aclose(self) -> None:
        """Closes its connections."""
        await self._inner.aclose()


def _to(address: str, request: httpx.Request) -> httpx.Request:
    """The same request at this address: its Host header stays, and its name in TLS."""
    extensions = dict(request.extensions)
    if not _is_address(request.url.host):
        extensions["sni_hostname"] = request.url.raw_host.decode("ascii")
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
