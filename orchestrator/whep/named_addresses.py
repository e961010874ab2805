"""The addresses of the hosts of one WHEP session, and which hosts its server may name.

A `Location` would otherwise turn a foreign server's answer into a request to our own API, or to
any device of our network. What was checked is what is connected to, as long as the session lives:
a name that means another address a moment later (DNS rebinding) leads nowhere else.
"""

from __future__ import annotations

import httpx

from orchestrator.target_addresses import Address, addresses_of, internal_ones


class PrivateHost(Exception):
    """A host that the session's server may not name."""


class SessionHosts:
    """The hosts of one session, each looked up once."""

    def __init__(self, url: str) -> None:
        """`url`: the session's own address, whose host may be any."""
        try:
            self._home = httpx.URL(url).raw_host.decode("ascii")
        except httpx.InvalidURL:
            self._home = ""  # nothing will be asked
        self._known: dict[str, tuple[Address, ...]] = {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Those to connect to; empty if it can't be looked up now.

        Raises PrivateHost for one of this machine or a private network, unless the server at home
        is in one itself.
        """
        return tuple(map(str, await self._addresses(host)))

    async def _addresses(self, host: str) -> tuple[Address, ...]:
        if (known := self._known.get(host)) is not None:
            return known
        found = tuple(await addresses_of(host))
        if host != self._home and await internal_ones(found) and not await self._home_is_internal():
            raise PrivateHost(host)
        if found:
            self._known[host] = found
        return found

    async def _home_is_internal(self) -> bool:
        own = await self._addresses(self._home)
        return bool(own) and await internal_ones(own) == set(own)
