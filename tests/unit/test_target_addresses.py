"""Which addresses a request may lead to, and that those are connected to."""

from __future__ import annotations

import socket
import time
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest

from orchestrator import checked_http, target_addresses
from orchestrator.checked_http import CheckedTransport
from orchestrator.errors import InvalidRequest
from orchestrator.target_addresses import addresses_of, checked_addresses, is_internal
from tests.kit.addresses.names import Names, private_only, unanswering
from tests.kit.addresses.tls import Authority
from tests.kit.sources.whep_answers import scripted

INTERNAL = [
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "localhost"),
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"),
    *("::1", "::", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "ff02::1", "::127.0.0.1"),
    *("64:ff9b::a00:1", "2002:7f00:1::", "255.255.255.255", "168.63.129.16", "192.0.0.192"),
    *("64:ff9b:1::101:101", "fec0::1", "::ffff:0:101:101", "::ffff:168.63.129.16"),
]


@pytest.mark.parametrize("host", INTERNAL)
async def test_a_request_leads_to_no_internal_address(host: str) -> None:
    with pytest.raises(InvalidRequest, match="private network") as caught:
        await checked_addresses(host, "webhooks", private=False)
    assert caught.value.context["field"] == "webhooks"
    assert await checked_addresses(host, "webhooks", private=True)


@pytest.mark.parametrize("host", ["1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
async def test_public_ones_may_be_named(host: str) -> None:
    assert await checked_addresses(host, "url", private=False) == (host,)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".example", "a\0b", ""])
async def test_what_cannot_be_looked_up_has_no_addresses(host: str) -> None:
    assert await addresses_of(host) == ()


async def test_one_internal_address_of_several_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve_to(monkeypatch, "1.1.1.1", "10.0.0.1")
    with pytest.raises(InvalidRequest, match="private network"):
        await checked_addresses("rebound.example", "url", private=False)


async def test_a_public_address_of_this_machine_is_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = {ip_address("1.1.1.1")}
    monkeypatch.setattr(target_addresses, "_own_addresses", lambda: own)
    with pytest.raises(InvalidRequest, match="is this machine"):
        await checked_addresses("1.1.1.1", "url", private=False)


async def test_a_lookup_that_hangs_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_addresses, "LOOKUP_S", 0.0)
    assert await addresses_of("example.com") == ()


def test_what_interfaces_have_is_known() -> None:
    assert ip_address("127.0.0.1") in target_addresses._own_addresses()
    assert not is_internal(ip_address("8.8.8.8"))


async def test_what_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name resolves to loopback from its second lookup on, as rebinding does."""
    async with scripted() as server:
        server.says(status=200)
        monkeypatch.setattr(target_addresses, "is_internal", lambda _: False)
        monkeypatch.setattr(target_addresses, "_own_addresses", set)
        _resolve_to(monkeypatch, "127.0.0.1")
        async with httpx.AsyncClient(transport=CheckedTransport()) as client:
            port = httpx.URL(server.url).port
            answer = await client.get(f"http://hook.example:{port}/here")
            assert answer.status_code == 200
            assert server.asked == [("GET", "/here", None)]


async def test_tls_is_with_the_name_at_the_address_that_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certificates are those of the name, and the server is told it (SNI)."""
    authority = Authority(tmp_path)
    private_only(monkeypatch, "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    names, asked_for = Names(monkeypatch), []
    tls = authority.server("hook.example")
    tls.sni_callback = lambda _, name, __: asked_for.append(name)
    async with (
        scripted(tls=tls) as server,
        scripted(tls=authority.server("other.example")) as other,
        httpx.AsyncClient(transport=CheckedTransport()) as client,
    ):
        server.says(status=200)
        other.says(status=200)
        for each in ("hook.example", "another.example"):
            names.mean(each, "127.0.0.1", "127.0.0.2")
        port = httpx.URL(server.url).port
        assert (await client.get(f"https://hook.example:{port}/here")).status_code == 200
        assert (server.hosts, asked_for) == ([f"hook.example:{port}"], ["hook.example"])
        for host, at in (("another.example", server), ("127.0.0.1", server), ("127.0.0.1", other)):
            with pytest.raises(httpx.ConnectError, match=r"(?i)certificate verify failed"):
                await client.get(f"https://{host}:{httpx.URL(at.url).port}/here")
        assert (len(server.asked), other.asked) == (1, [])


async def test_an_address_that_is_not_reached_holds_up_the_next_one_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checked_http, "NEXT_ADDRESS_S", 0.2)

    async def lookup(_: str) -> list[str]:
        return ["127.0.0.3", "127.0.0.2", "127.0.0.1"]

    with unanswering("127.0.0.3") as port:
        async with scripted(port=port) as server:
            server.says(status=200)
            transport = CheckedTransport(lookup)
            async with httpx.AsyncClient(transport=transport, timeout=30) as client:
                began = time.monotonic()
                answer = await client.get(f"http://hook.example:{port}/")
    assert answer.status_code == 200
    assert 0.2 <= time.monotonic() - began < 5


async def test_a_private_address_is_not_connected_to() -> None:
    async with scripted() as server, httpx.AsyncClient(transport=CheckedTransport()) as client:
        with pytest.raises(InvalidRequest, match="private network"):
            await client.get(server.url)
        with pytest.raises(httpx.ConnectError, match="looked up"):
            await client.get("http://nowhere.invalid/")
    assert server.asked == []


def _resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Every name resolves to these; addresses themselves as ever, and once only to be connected."""
    real = socket.getaddrinfo

    def resolve(host: str, port: object, *args: object, **options: object) -> object:
        if host in addresses:
            return real(host, port, *args, **options)  # type: ignore[arg-type]
        return [(2, 1, 6, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
