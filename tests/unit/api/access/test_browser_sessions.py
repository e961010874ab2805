"""/api/session: what the cookie opens, for whom, for how long, and that signing out ends it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from orchestrator.api.access.browser_sessions import COOKIE, LASTS_S, MOST, BrowserSessions
from orchestrator.api.access.guard import Guard
from orchestrator.api.app import create_app
from orchestrator.catalog.store import Catalog
from orchestrator.errors import Unavailable
from orchestrator.settings import Settings
from tests.kit.api.memory import MINT, MemoryCatalog, MemoryManager
from tests.kit.api.serving import Served
from tests.kit.api.sse import listening

KEY = "sésame, ouvre-toi"
OURS = "http://recorder.example"
OWN = "http://127.0.0.1:8000"
START = "/api/recording/start"
ACTIVE = "/api/recording/active"


@pytest.fixture
def manager(settings: Settings) -> MemoryManager:
    return MemoryManager(settings.model_copy(update={"api_key": SecretStr(KEY)}))


@pytest.fixture
async def client(manager: MemoryManager) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at a server that wants a key."""
    async with browser(manager) as client:
        yield client


@asynccontextmanager
async def browser(manager: MemoryManager) -> AsyncIterator[httpx.AsyncClient]:
    """The same, with a server that has been started: it knows what the one before it kept."""
    app = create_app(manager)
    await app.state.browser_sessions.load()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=OURS) as client:
        yield client


async def entered(client: httpx.AsyncClient) -> httpx.Response:
    """With the key, once."""
    return await client.post("/api/session", headers={b"x-api-key": KEY.encode()})


async def test_the_key_is_shown_once(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/session")).status_code == 401
    answer = await entered(client)
    assert answer.json()["expires_at"]
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/api", f"Max-Age={LASTS_S}"):
        assert part in cookie
    assert "Secure" not in cookie, "or plain HTTP would lose it"
    assert (await client.get(ACTIVE)).status_code == 200
    await client.delete("/api/session", headers={"origin": OURS})
    assert (await client.get(ACTIVE)).status_code == 401


async def test_changes_come_from_our_own_pages(client: httpx.AsyncClient) -> None:
    """Cookies know no ports: a page of another server on this host would send ours."""
    await entered(client)
    for origin in ("http://recorder.example:3000", "null", "http://localhost:3000"):
        other = await client.post(START, json={"mint_id": MINT}, headers={"origin": origin})
        assert other.status_code == 403, origin
    assert (await client.post(START, json={"mint_id": MINT})).status_code == 401
    ours = await client.post(START, json={"mint_id": MINT}, headers={"origin": OURS})
    assert ours.status_code == 200


async def test_signing_out_ends_every_copy_of_the_cookie(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    """Also for the next server on the same catalog; other browsers stay signed in."""
    await entered(client)
    copied = dict(client.cookies)
    async with browser(manager) as other:
        await entered(other)
        elsewhere = dict(other.cookies)
    async with browser(manager) as restarted:
        restarted.cookies.update(copied)
        assert (await restarted.get(ACTIVE)).status_code == 200, "a restart ends nothing"
        ended = await restarted.delete("/api/session", headers={"origin": OURS})
        assert (ended.status_code, "set-cookie" in ended.headers) == (200, True)
        restarted.cookies.update(copied)
        assert (await restarted.get(ACTIVE)).status_code == 401
    async with browser(manager) as again:
        for cookies, status in ((copied, 401), (elsewhere, 200)):
            again.cookies.clear()
            again.cookies.update(cookies)
            assert (await again.get(ACTIVE)).status_code == status


async def test_signing_out_ends_live_events(manager: MemoryManager, served: Served) -> None:
    async with served(manager) as url, httpx.AsyncClient(base_url=url) as client:
        await entered(client)
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        async with listening(url, headers={"Cookie": cookie}) as listener:
            await listener.next()
            await client.delete("/api/session", headers={"origin": url})
            await listener.until_end()


async def test_what_cannot_be_kept_is_not_so(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    await entered(client)
    manager.catalog.broken = Unavailable("The catalog can't be used now.", "Wait.")
    assert (await client.delete("/api/session", headers={"origin": OURS})).status_code == 503
    assert (await client.get(ACTIVE)).status_code == 200, "and can be tried again"
    async with browser(manager) as other:
        assert (await entered(other)).status_code == 503
        assert "set-cookie" not in (await entered(other)).headers


@pytest.mark.parametrize("given", ["", "x", ".", "9" * 4000, "²5.00", "\ud800"])
async def test_what_was_not_given(given: str) -> None:
    sessions = BrowserSessions(MemoryCatalog([]))
    await sessions.open(KEY)
    assert sessions.of({"cookie": f"{sessions.cookie}={given}"}, KEY) is None


async def test_routes_see_no_other_cookie(settings: Settings) -> None:
    """Parsing this one took 7 s of the event loop, on every route and without a key."""
    seen: list[list[str]] = []

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(Headers(scope=scope).getlist("cookie"))
        await Response()(scope, receive, send)

    sessions = BrowserSessions(MemoryCatalog([]))
    guard = Guard(route, settings, sessions)
    other, ours = 'a="' + "\\" * 60_000 + '"', f"{sessions.cookie}=of-ours"
    began_s = time.process_time()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url=OWN) as client:
        for cookies in (other, f"{other}; {ours}; b=1", f"{sessions.cookie}={'9' * 4000}"):
            assert (await client.get("/livez", headers={"Cookie": cookies})).status_code == 200
    assert seen == [[], [ours], []]
    assert sessions.of({"cookie": other}, KEY) is None
    assert time.process_time() - began_s < 2


async def test_until_its_end_and_for_its_key(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real catalog, and through a second server on it."""
    clock = 1000.0
    monkeypatch.setattr("orchestrator.api.access.browser_sessions.time.time", lambda: clock)
    opened = BrowserSessions(catalog)
    cookie, until_s = await opened.open(KEY)
    assert until_s == 1000 + LASTS_S
    kept = await catalog.preference("sessions")
    assert kept is not None
    assert cookie not in kept
    sessions = BrowserSessions(catalog)
    await sessions.load()
    assert sessions.cookie == opened.cookie
    good = {"cookie": f"other=1; {sessions.cookie}={cookie}"}
    assert sessions.of(good, KEY) is not None
    assert sessions.of(good, "another key, as long") is None
    assert BrowserSessions(catalog).of(good, KEY) is None, "another catalog's server"
    clock = float(until_s)
    assert sessions.of(good, KEY) is None


async def test_sessions_are_bounded() -> None:
    kept = MemoryCatalog([])
    sessions = BrowserSessions(kept)
    cookies = [(await sessions.open(KEY))[0] for _ in range(MOST + 1)]
    is_open = [sessions.of({"cookie": f"{sessions.cookie}={c}"}, KEY) is not None for c in cookies]
    assert sum(is_open) == MOST
    assert is_open[-1]


async def test_damaged_sessions_are_none() -> None:
    kept = MemoryCatalog([])
    kept.kept["sessions"] = "{"
    sessions = BrowserSessions(kept)
    await sessions.load()
    assert sessions.cookie.startswith(COOKIE)


async def test_without_a_key_there_is_nothing_to_open(settings: Settings) -> None:
    transport = httpx.ASGITransport(create_app(MemoryManager(settings)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.post("/api/session")
    assert (answer.status_code, answer.json()["expires_at"]) == (200, None)
    assert "set-cookie" not in answer.headers
