"""/api/session: what the cookie opens, for whom, and for how long."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from orchestrator.api.app import create_app
from orchestrator.api.session import COOKIE, LASTS_S, is_valid, signed
from orchestrator.settings import Settings
from tests.api.memory import MINT, MemoryManager

KEY = "sésame"
OURS = "http://recorder.example"
START = "/api/recording/start"


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at a server that wants a key."""
    manager = MemoryManager(settings.model_copy(update={"api_key": SecretStr(KEY)}))
    transport = httpx.ASGITransport(create_app(manager))
    async with httpx.AsyncClient(transport=transport, base_url=OURS) as client:
        yield client


async def entered(client: httpx.AsyncClient) -> httpx.Response:
    """With the key, once."""
    return await client.post("/api/session", headers={b"x-api-key": KEY.encode()})


async def test_the_key_is_shown_once(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/session")).status_code == 401
    told = await entered(client)
    assert told.json()["expires_at"]
    cookie = told.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/api", f"Max-Age={LASTS_S}"):
        assert part in cookie
    assert "Secure" not in cookie, "or plain HTTP would lose it"
    assert (await client.get("/api/recording/active")).status_code == 200
    await client.delete("/api/session", headers={"origin": OURS})
    assert (await client.get("/api/recording/active")).status_code == 401


async def test_changes_come_from_our_own_pages(client: httpx.AsyncClient) -> None:
    """Cookies know no ports: a page of another server on this host would send ours."""
    await entered(client)
    for origin in ("http://recorder.example:3000", "null", "http://localhost:3000"):
        other = await client.post(START, json={"mint_id": MINT}, headers={"origin": origin})
        assert other.status_code in (401, 403), origin
    assert (await client.post(START, json={"mint_id": MINT})).status_code == 401
    ours = await client.post(START, json={"mint_id": MINT}, headers={"origin": OURS})
    assert ours.status_code == 200


@pytest.mark.parametrize("given", ["", "x", ".", "9" * 40, "²5.00", f"99999999999.{'0' * 64}"])
def test_what_was_not_signed(given: str) -> None:
    assert not is_valid({"cookie": f"{COOKIE}={given}"}, KEY)


def test_until_its_end_and_for_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    good = {"cookie": f"other=1; {COOKIE}={signed(2000, KEY)}"}
    for now, valid in ((1999, True), (2000, False)):
        monkeypatch.setattr("orchestrator.api.session.time.time", lambda now=now: now)
        assert is_valid(good, KEY) is valid
    monkeypatch.setattr("orchestrator.api.session.time.time", lambda: 1999)
    assert not is_valid(good, "another key")


async def test_without_a_key_there_is_nothing_to_open(settings: Settings) -> None:
    transport = httpx.ASGITransport(create_app(MemoryManager(settings)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        told = await client.post("/api/session")
    assert (told.status_code, told.json()["expires_at"]) == (200, None)
    assert "set-cookie" not in told.headers
