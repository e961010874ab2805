"""Ports for servers of tests."""

from __future__ import annotations

import random
import socket
from typing import Final

_OURS: Final = range(10_000, 32_768)
"""Below what Linux gives to sockets that ask for any port (ip_local_port_range from 32768): one
of those may belong to a test beside this one in the next moment, or to a server's client while
the server is away."""

_PROBES: Final = 100


def free_port() -> int:
    """A port that is free now on all IPv4 addresses, for TCP and for UDP."""
    for port in random.sample(_OURS, _PROBES):
        if _is_free(port, socket.SOCK_STREAM) and _is_free(port, socket.SOCK_DGRAM):
            return port
    raise OSError(f"{_PROBES} ports of {_OURS} were tried, and none is free")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
