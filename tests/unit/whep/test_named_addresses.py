"""Which addresses a WHEP server may lead to."""

from __future__ import annotations

import httpx
import pytest

from orchestrator.errors import SourceError
from orchestrator.media import WhepEndpoint
from orchestrator.whep.http import WhepClient
from orchestrator.whep.named_addresses import may_name
from tests.kit.sources.whep_answers import scripted

PUBLIC = "http://93.184.215.14/whep"


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:8000", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0"),
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"),
        *("[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[ff02::1]"),
    ],
)
async def test_an_internal_address_is_named_by_an_internal_server_only(host: str) -> None:
    named = httpx.URL(f"http://{host}/api")
    assert not await may_name(httpx.URL(PUBLIC), named)
    assert await may_name(httpx.URL("http://127.0.0.1:9/whep"), named)
    assert await may_name(httpx.URL("http://localhost:9/whep"), named)


@pytest.mark.parametrize("host", ["1.1.1.1", "[2606:4700:4700::1111]", "nowhere.invalid"])
async def test_others_may_be_named(host: str) -> None:
    named = httpx.URL(f"http://{host}/api")
    assert await may_name(httpx.URL(PUBLIC), named)
    assert await may_name(httpx.URL("http://192.168.1.1/whep"), named)


async def test_the_own_origin_is_asked_whatever_it_is() -> None:
    home = httpx.URL("http://nowhere.invalid/whep")
    assert await may_name(home, httpx.URL("http://nowhere.invalid:80/session"))
    assert not await may_name(home, httpx.URL("http://127.0.0.1/session"))


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
