"""Host names that mean what a test says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import Any

import pytest

from orchestrator import target_addresses


class Names:
    """The addresses of names, one after the other: the last one stays. Others are looked up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._addresses: dict[str, list[str]] = {}
        self.lookups: list[str] = []
        """The names that were looked up, each time."""
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def mean(self, name: str, *addresses: str) -> None:
        """What a name means at its first lookup, and at those behind it."""
        self._addresses[name] = list(addresses)

    def _look_up(self, host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if (known := self._addresses.get(host)) is None:
            return self._real(host, port, *args, **options)
        self.lookups.append(host)
        address = known.pop(0) if len(known) > 1 else known[0]
        return self._real(address, port, *args, **options)


def private_only(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Of this machine's addresses this one is private, and the others are public."""
    monkeypatch.setattr(target_addresses, "is_internal", lambda one: one == ip_address(address))
    monkeypatch.setattr(target_addresses, "_own_addresses", set)


@contextmanager
def unanswering(address: str) -> Iterator[int]:
    """A port at this address that takes no connection and refuses none: its backlog is full."""
    with ExitStack() as open_ones, socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen(0)
        for _ in range(4):
            waiting = open_ones.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
