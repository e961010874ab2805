"""Whose address counts when proxies stand between, and which of them are believed."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from orchestrator.api.access.proxies import ForwardedHeaders, client_address, is_from_trusted_proxy
from orchestrator.errors import SettingsError
from orchestrator.settings import Settings, load_settings

TRUSTED = Settings(trusted_proxies=["10.0.0.0/8", "::1"]).trusted_proxies


async def told_of(peer: str | None, *lines: str, proto: str = "") -> tuple[str, str, bool]:
    """Address and scheme of a request, and whether a trusted proxy sent it."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    async def send(message: Message) -> None:
        raise AssertionError("nothing is sent")

    headers = [(b"x-forwarded-for", line.encode()) for line in lines]
    headers.append((b"x-forwarded-proto", proto.encode()))
    client: Any = None if peer is None else (peer, 5000)
    scope = {"type": "http", "scheme": "http", "client": client, "headers": headers}
    await ForwardedHeaders(app, TRUSTED)(scope, receive, send)
    connection = HTTPConnection(seen[0])
    return client_address(connection), seen[0]["scheme"], is_from_trusted_proxy(seen[0])


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),  # who isn't trusted may say anything
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("127.0.0.1, 198.51.100.1",), "198.51.100.1"),  # the first one was made up
        ("10.0.0.1", ("198.51.100.1, 10.0.0.2",), "198.51.100.1"),  # two proxies, both trusted
        ("10.0.0.1", ("1.1.1.1", "198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", ("10.0.0.3",), "10.0.0.3"),
        ("10.0.0.1", ("198.51.100.1:4711",), "198.51.100.1"),
        ("10.0.0.1", ("[2001:db8::1]:4711",), "2001:db8::1"),
        ("10.0.0.1", ("2001:db8::1",), "2001:db8::1"),
        ("10.0.0.1", ("198.51.100.1, unknown",), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1, unknown, 10.0.0.2",), "10.0.0.2"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("10.0.0.1", (",".join(["x"] * 10_000),), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("::1", ("198.51.100.1",), "198.51.100.1"),
        (None, ("198.51.100.1",), "unknown"),
        ("testclient", ("198.51.100.1",), "testclient"),
    ],
)
async def test_the_clients_address(peer: str | None, lines: tuple[str, ...], address: str) -> None:
    assert (await told_of(peer, *lines))[0] == address


async def test_scheme_and_trust() -> None:
    assert (await told_of("10.0.0.1", proto="https"))[1:] == ("https", True)
    assert (await told_of("10.0.0.1", proto="HTTPS, http"))[1:] == ("https", True)
    assert (await told_of("10.0.0.1", proto="gopher"))[1:] == ("http", True)
    assert (await told_of("203.0.113.9", proto="https"))[1:] == ("http", False)


def test_what_is_no_network_is_refused() -> None:
    assert load_settings(trusted_proxies="10.1.2.3/8, ::1").trusted_proxies == [
        *("10.0.0.0/8", "::1/128"),
    ]
    with pytest.raises(SettingsError, match=r"--trusted-proxies can't be .*'proxy\.lan'"):
        load_settings(trusted_proxies="127.0.0.1,proxy.lan")
