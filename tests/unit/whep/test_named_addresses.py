"""Which addresses a WHEP server may lead to."""

from __future__ import annotations

from ipaddress import ip_address

import httpx
import pytest

from orchestrator import target_addresses
from orchestrator.checked_http import CheckedTransport
from orchestrator.errors import SourceError
from orchestrator.media import WhepEndpoint
from orchestrator.whep.http import WhepClient
from orchestrator.whep.named_addresses import PrivateHost, SessionHosts
from tests.kit.addresses.names import Names, private_only
from tests.kit.sources.whep_answers import scripted

PUBLIC = "http://93.184.215.14/whep"


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0"),
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"),
        *("::1", "::", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "ff02::1"),
    ],
)
async def test_an_internal_address_is_named_by_an_internal_server_only(host: str) -> None:
    with pytest.raises(PrivateHost):
        await SessionHosts(PUBLIC).addresses(host)
    assert await SessionHosts("http://127.0.0.1:9/whep").addresses(host)
    assert await SessionHosts("http://localhost:9/whep").addresses(host)


@pytest.mark.parametrize("host", ["1.1.1.1", "2606:4700:4700::1111", "nowhere.invalid"])
async def test_others_may_be_named(host: str) -> None:
    known = () if host == "nowhere.invalid" else (host,)
    assert await SessionHosts(PUBLIC).addresses(host) == known
    assert await SessionHosts("http://192.168.1.1/whep").addresses(host) == known


async def test_a_public_address_of_this_machine_is_internal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(target_addresses, "_own_addresses", lambda: {ip_address("1.1.1.1")})
    with pytest.raises(PrivateHost):
        await SessionHosts(PUBLIC).addresses("1.1.1.1")
    assert await SessionHosts("http://1.1.1.1/whep").addresses("1.1.1.1") == ("1.1.1.1",)


async def test_the_own_host_is_asked_whatever_it_is() -> None:
    hosts = SessionHosts("http://nowhere.invalid/whep")
    assert await hosts.addresses("nowhere.invalid") == ()
    with pytest.raises(PrivateHost):
        await hosts.addresses("127.0.0.1")
    assert await SessionHosts("http://127.0.0.1/whep").addresses("127.0.0.1") == ("127.0.0.1",)


async def test_all_requests_of_a_session_go_where_its_name_led_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name means a private address from its second lookup on (DNS rebinding)."""
    names = Names(monkeypatch)
    names.mean("whep.example", "127.0.0.1", "127.0.0.2")
    private_only(monkeypatch, "127.0.0.2")
    async with scripted() as home:
        port = httpx.URL(home.url).port or 0
        async with scripted("127.0.0.2", port) as private:
            offer = {"Content-Type": "application/sdp", "Location": "/session", "ETag": "1"}
            home.says(status=406, text="v=0", headers=offer)
            whep = WhepClient(WhepEndpoint(f"http://whep.example:{port}/stream", "t"), timeout_s=5)
            assert (await whep.offer("v=0")).is_offer
            home.says(status=204)
            await whep.answer("v=0")
            await whep.close()
            assert home.asked == [
                ("POST", "/stream", "Bearer t"),
                ("PATCH", "/session", "Bearer t"),
                ("DELETE", "/session", "Bearer t"),
            ]
            assert set(home.hosts) == {f"whep.example:{port}"}
            assert private.asked == []
    assert names.lookups == ["whep.example"]


@pytest.mark.parametrize("status", [201, 307])
async def test_a_named_host_is_asked_where_it_was_when_it_was_checked(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch)
    names.mean("other.example", "127.0.0.1", "127.0.0.2")
    private_only(monkeypatch, "127.0.0.2")
    async with scripted() as home, scripted() as other:
        port = httpx.URL(other.url).port or 0
        named = f"http://other.example:{port}/session"
        async with scripted("127.0.0.2", port) as private:
            home.says(status=status, text="v=0", headers={"Location": named})
            other.says(status=201, text="v=0", headers={"Location": named})
            whep = WhepClient(WhepEndpoint(f"{home.url}/stream"), timeout_s=5)
            await whep.offer("v=0")
            await whep.close()
            methods = [method for method, *_ in other.asked]
            assert methods == (["DELETE"] if status == 201 else ["POST", "DELETE"])
            assert private.asked == []
    assert names.lookups == ["other.example"]


async def test_a_host_that_could_not_be_looked_up_is_checked_when_it_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Names(monkeypatch)
    names.mean("late.example", "nowhere.invalid", "127.0.0.1")
    async with scripted() as private:
        port = httpx.URL(private.url).port
        hosts = SessionHosts(PUBLIC)
        assert await hosts.addresses("late.example") == ()
        async with httpx.AsyncClient(transport=CheckedTransport(hosts.addresses)) as client:
            with pytest.raises(PrivateHost):
                await client.delete(f"http://late.example:{port}/api")
        assert private.asked == []


@pytest.mark.parametrize("status", [201, 307, 406])
async def test_a_foreign_server_leads_to_no_private_address(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The public server is reached through a proxy on loopback, ours is not."""
    async with scripted() as foreign, scripted() as ours:
        monkeypatch.setenv("http_proxy", foreign.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        ours.says(status=200)
        foreign.says(status=status, text="v=0", headers={"Location": f"{ours.url}/api?a=geheim"})
        whep = WhepClient(WhepEndpoint("http://93.184.215.14/stream"), timeout_s=5)
        try:
            with pytest.raises(SourceError, match=f"not asked: {ours.url}/api\\. ") as caught:
                await whep.offer("v=0")
        finally:
            await whep.close()
        assert "use its private address" in caught.value.detail
        assert [method for method, *_ in foreign.asked] == ["POST"]
        assert ours.asked == []
