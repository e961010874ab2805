"""The ICE servers that a WHEP server names in `Link` headers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from orchestrator.media import IceServer

_LINK: Final = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w-]+=(?:\"[^\"]*\"|[^;,\s]*))*)")
_PARAMETER: Final = re.compile(r"([\w-]+)=(?:\"([^\"]*)\"|([^;,\s]*))")


def ice_servers(links: Iterable[str]) -> list[IceServer]:
    """The servers of `Link: <turn:…>; rel="ice-server"` headers (RFC 9725 §4.6, RFC 8288)."""
    servers = []
    for header in links:
        for url, rest in _LINK.findall(header):
            parameters = {
                name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)
            }
            if "ice-server" in parameters.get("rel", "").lower().split():
                credential = parameters.get("credential", "")
                servers.append(IceServer((url,), parameters.get("username", ""), credential))
    return servers
