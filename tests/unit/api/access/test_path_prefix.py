"""Below a path of a reverse proxy: what requests lose, and what answers get back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from orchestrator.api.app import create_app
from orchestrator.settings import Settings
from tests.kit.api.memory import MemoryManager

KEY = "a key of more than sixteen"
STRIPPING = {"x-forwarded-prefix": "/recorder"}


@asynccontextmanager
async def calling(
    settings: Settings, peer: str = "127.0.0.1", **changes: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with these settings, at that address."""
    app = create_app(MemoryManager(settings.model_copy(update=changes)))
    transport = httpx.ASGITransport(app, client=(peer, 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.mark.parametrize("path", ["/api/health", "/recorder/api/health"])
@pytest.mark.parametrize("announced", [True, False])
async def test_the_proxy_may_take_the_prefix_off_or_not(
    settings: Settings, path: str, announced: bool
) -> None:
    headers = STRIPPING if announced else {}
    async with calling(settings, path_prefix="" if announced else "/recorder") as client:
        answer = await client.get(path, headers=headers)
    assert answer.json()["checks"]


async def test_without_a_prefix_its_path_is_nothing(settings: Settings) -> None:
    async with calling(settings) as client:
        assert (await client.get("/recorder/api/health")).status_code == 404


@pytest.mark.parametrize("path", ["/api/recordings", "/recorder/api/recordings"])
async def test_the_key_is_asked_for_behind_a_prefix_too(settings: Settings, path: str) -> None:
    wanted: dict[str, Any] = {"api_key": SecretStr(KEY), "path_prefix": "/recorder"}
    async with calling(settings, **wanted) as client:
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers={"x-api-key": KEY})).status_code == 200
        # Taken off once, not twice: what is left is no address.
        twice = await client.get(f"/recorder{path}", headers={"x-api-key": KEY})
        assert twice.status_code == (404 if path.startswith("/recorder") else 200)


@pytest.mark.parametrize(
    "prefix", ["/api", "/dashboard/x", "recorder", "/a/../b", "/.", "/a b", '/a"b', "//x", "/docs"]
)
async def test_what_can_be_no_prefix(settings: Settings, prefix: str) -> None:
    with pytest.raises(ValidationError, match="path_prefix"):
        Settings(path_prefix=prefix)
    async with calling(settings) as client:
        answer = await client.get("/dashboard", headers={"x-forwarded-prefix": prefix})
    assert answer.headers["location"] == "/dashboard/"


def test_a_slash_at_its_end_is_no_part_of_it() -> None:
    assert Settings(path_prefix="/a/b/").path_prefix == "/a/b"
    assert Settings(path_prefix="/").path_prefix == ""


async def test_the_prefix_without_a_slash_leads_to_the_dashboard(settings: Settings) -> None:
    async with calling(settings, path_prefix="/recorder") as client:
        answer = await client.get("/recorder", headers={"Accept": "text/html"})
        assert answer.headers["location"] == "/recorder/dashboard/"
        assert (await client.get("/recorders")).status_code == 404


async def test_redirects_stay_below_it(settings: Settings) -> None:
    async with calling(settings) as client:
        page = {"accept": "text/html", **STRIPPING}
        assert (await client.get("/", headers=page)).headers["location"] == "/recorder/dashboard/"
        assert (await client.get("/", headers=STRIPPING)).headers["location"] == "/recorder/docs"
        for headers, path in ((STRIPPING, "/recorder/dashboard/"), ({}, "/dashboard/")):
            answer = await client.get("/dashboard", headers=headers)
            assert (answer.status_code, answer.headers["location"]) == (307, path)


async def test_only_a_trusted_proxy_tells_a_prefix(settings: Settings) -> None:
    async with calling(settings, peer="203.0.113.9") as client:
        answer = await client.get("/", headers={"accept": "text/html", **STRIPPING})
    assert answer.headers["location"] == "/dashboard/"


async def test_the_documentation_knows_it(settings: Settings) -> None:
    async with calling(settings) as client:
        page = (await client.get("/docs", headers=STRIPPING)).text
        described = (await client.get("/openapi.json", headers=STRIPPING)).json()
        plain = (await client.get("/openapi.json")).json()
    assert "url: '/recorder/openapi.json'" in page
    assert '"/recorder/static-offline-docs/swagger-ui-bundle.js"' in page
    assert described["servers"][0]["url"] == "/recorder"
    assert "servers" not in plain, "what one client gets, others don't"


async def test_the_cookie_is_for_its_path_and_for_tls(settings: Settings) -> None:
    async with calling(settings, api_key=SecretStr(KEY)) as client:
        for headers, secure in (
            ({"x-forwarded-proto": "https"}, True),
            ({"origin": "https://media.example.org", "sec-fetch-site": "same-origin"}, True),
            ({}, False),
        ):
            known = {"x-api-key": KEY, **STRIPPING, **headers}
            answer = await client.post("/api/session", headers=known)
            cookie = answer.headers["set-cookie"]
            assert "Path=/recorder/api;" in cookie
            assert ("Secure" in cookie) is secure
            client.cookies.clear()
        closed = await client.delete("/api/session", headers={"x-api-key": KEY, **STRIPPING})
        assert "Path=/recorder/api;" in closed.headers["set-cookie"]


OUTSIDE = "https://media.example.org"


@pytest.mark.parametrize(
    ("headers", "changes"),
    [
        ({"host": "media.example.org"}, {}),
        ({"x-forwarded-host": "media.example.org"}, {}),
        ({"sec-fetch-site": "same-origin"}, {}),
        ({}, {"allowed_origins": [OUTSIDE]}),
    ],
)
async def test_the_dashboard_may_change_something_behind_a_proxy(
    settings: Settings, headers: dict[str, str], changes: dict[str, Any]
) -> None:
    """Whether the proxy passes its own name on or not; the page has the session's cookie."""
    async with calling(settings, api_key=SecretStr(KEY), **changes) as client:
        page = {"origin": OUTSIDE, **headers}
        opened = await client.post("/api/session", headers={"x-api-key": KEY, **page})
        assert opened.status_code == 200, opened.text
        cookie = {"cookie": opened.headers["set-cookie"].partition(";")[0]}
        changed = await client.post(
            "/api/recording/stop", json={"mint_id": "x"}, headers={**page, **cookie}
        )
        assert changed.status_code == 404, "it is looked for"


async def test_a_name_that_nobody_passes_on_is_reported(settings: Settings) -> None:
    """Over plain HTTP to another machine browsers say nothing of sites."""
    async with calling(settings, api_key=SecretStr(KEY)) as client:
        opened = await client.post("/api/session", headers={"x-api-key": KEY})
        cookie = {"cookie": opened.headers["set-cookie"].partition(";")[0]}
        origin = {"origin": "http://media.example.org"}
        answer = await client.post(
            "/api/recording/stop", json={"mint_id": "x"}, headers={**origin, **cookie}
        )
    body = answer.json()
    assert answer.status_code == 403
    assert "proxy_set_header Host $http_host" in body["detail"]
    assert "ORCHESTRATOR_ALLOWED_ORIGINS" in body["detail"]


async def test_who_is_no_proxy_passes_no_name_on(settings: Settings) -> None:
    async with calling(settings, peer="203.0.113.9", api_key=SecretStr(KEY)) as client:
        page = {"origin": OUTSIDE, "x-forwarded-host": "media.example.org", "x-api-key": KEY}
        assert (await client.post("/api/session", headers=page)).status_code == 403


async def test_without_a_key_only_known_names_are_answered(settings: Settings) -> None:
    host = {"host": "media.example.org"}
    async with calling(settings) as client:
        refused = await client.get("/api/recordings", headers=host)
        # A page whose name leads here may send any header to itself.
        forged = {**host, "x-forwarded-host": "127.0.0.1:8000", "sec-fetch-site": "same-origin"}
        assert (await client.get("/api/recordings", headers=forged)).status_code == 403
    assert refused.status_code == 403
    assert "https://media.example.org" in refused.json()["detail"]
    async with calling(settings, allowed_origins=[OUTSIDE]) as client:
        assert (await client.get("/api/recordings", headers=host)).status_code == 200
