"""Which addresses a server may name for further requests: not those that only this machine reaches.

A `Location` would otherwise turn a foreign server's answer into a request to our own API, or to
any device of our network.
"""

from __future__ import annotations

import httpx

from orchestrator.http_responses import origin
from orchestrator.target_addresses import addresses_of, is_internal


async def may_name(home: httpx.URL, named: httpx.URL) -> bool:
    """Whether the server at `home` may send us to the address `named`.

    One of another origin that is on this machine or in a private network may be named only by a
    server that is there itself. Names are looked up; one that can't be is no such address.
    """
    if origin(named) == origin(home) or not any(map(is_internal, await addresses_of(_host(named)))):
        return True
    own = await addresses_of(_host(home))
    return bool(own) and all(map(is_internal, own))


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii")
