"""Who may call: host names, origins, the API key, and where a server may listen."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from orchestrator.api.access.browser_sessions import BrowserSessions
from orchestrator.api.access.guard import Guard, check_listening, is_loopback, refusal
from orchestrator.errors import SettingsError
from orchestrator.settings import Settings
from tests.kit.api.callers import ELECTRON, PAGE, calling
from tests.kit.api.memory import MINT, MemoryCatalog

START = "/api/recording/start"
STATUS = f"/api/recording/status/{MINT}"


def refused(
    settings: Settings, method: str = "GET", path: str = STATUS, **headers: str
) -> int | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    error = refusal(method, path, Headers(named), settings)
    return error.status if error else None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.8.8.8"])
@pytest.mark.parametrize("port", ["", ":8000"])
def test_our_names(settings: Settings, host: str, port: str) -> None:
    assert refused(settings, host=host + port) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil:8000", "[::2]", "[::1", "@"]
)
def test_names_that_are_not_ours(settings: Settings, host: str) -> None:
    assert refused(settings, host=host) == 403


def test_configured_name_is_ours() -> None:
    lan = Settings(host="recorder.lan")
    assert refused(lan, host="Recorder.lan:8000") is None
    assert refused(lan, host="evil.example") == 403


def test_no_host_is_no_browser(settings: Settings) -> None:
    assert refused(settings) is None


@pytest.mark.parametrize("origin", [PAGE, "http://127.0.0.1:8000"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_origins_that_may_call(open_to_a_page: Settings, origin: str, method: str) -> None:
    assert refused(open_to_a_page, method, host="127.0.0.1:8000", origin=origin) is None


FOREIGN = [
    *("https://evil.example", "http://localhost:3000", "http://127.0.0.1:9000"),
    *("null", "http://[", "", "127.0.0.1:8000", "file://"),
]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_origins_that_may_not(settings: Settings, origin: str, method: str) -> None:
    assert refused(settings, method, host="127.0.0.1:8000", origin=origin) == 403


@pytest.mark.parametrize("origin", ["null", "file://"])
def test_an_empty_host_is_no_page_of_ours(settings: Settings, origin: str) -> None:
    assert refused(settings, "POST", host="", origin=origin) == 403


@pytest.mark.parametrize(("site", "status"), [("cross-site", 403), ("same-site", 403)])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_pages_can_ask_without_an_origin(
    settings: Settings, method: str, site: str, status: int
) -> None:
    for dest in ("image", "video", "script", "iframe", "empty", "document"):
        for mode in ("no-cors", "navigate"):
            asked = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": mode, "Sec_Fetch_Dest": dest}
            assert refused(settings, method, **asked) == status
    assert refused(settings, method, Sec_Fetch_Site="made-up-tomorrow") == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_page_and_the_address_bar(settings: Settings, site: str) -> None:
    assert refused(settings, Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors") is None


@pytest.mark.parametrize("path", ["/", "/dashboard", "/dashboard/", "/docs"])
def test_links_to_our_pages_may_stand_anywhere(settings: Settings, path: str) -> None:
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert refused(settings, path=path, Sec_Fetch_Dest="document", **link) is None
    assert refused(settings, path=path, Sec_Fetch_Dest="iframe", **link) == 403
    assert refused(settings, "POST", path=path, Sec_Fetch_Dest="document", **link) == 403


def test_whoever_lets_everybody_in_does_so(settings: Settings) -> None:
    everybody = settings.model_copy(update={"allowed_origins": ["*"]})
    assert refused(everybody, "DELETE", origin="https://evil.example") is None
    assert refused(everybody, Sec_Fetch_Site="cross-site") is None


@pytest.mark.parametrize(
    ("given", "serves"),
    [
        ({}, False),
        ({"discovery": ["livekit", "pumpfun"]}, True),
        ({"discovery": ["pumpfun"], "allowed_origins": [PAGE]}, False),
        ({"discovery": ["pumpfun"], "api_key": SecretStr("k" * 16)}, False),
        ({"discovery": ["pumpfun"], "desktop_app": False}, False),
        ({"desktop_app": True, "allowed_origins": [PAGE]}, True),
    ],
)
def test_when_the_desktop_app_is_served(given: dict[str, Any], serves: bool) -> None:
    settings = Settings(**given)
    assert settings.serves_desktop_app is serves
    app = {"origin": "null", "user_agent": ELECTRON}
    assert refused(settings, "POST", path="/api/depin/tick", **app) == (None if serves else 403)


@pytest.mark.parametrize(
    ("origin", "desktop_app", "advice"),
    [
        ("https://evil.example", False, "ORCHESTRATOR_ALLOWED_ORIGINS"),
        ("null", False, "ORCHESTRATOR_DESKTOP_APP=true"),
        ("null", True, "docs/haven-player.md"),
    ],
)
def test_the_refusal_says_what_to_do(
    settings: Settings, origin: str, desktop_app: bool, advice: str
) -> None:
    settings = settings.model_copy(update={"desktop_app": desktop_app})
    error = refusal("GET", "/api/settings", Headers({"origin": origin}), settings)
    assert error is not None
    assert origin in error.error
    assert advice in error.detail


async def test_foreign_pages_change_nothing(settings: Settings) -> None:
    headers = {"origin": "https://evil.example"}
    async with calling(settings) as client:
        response = await client.post(START, json={"mint_id": MINT}, headers=headers)
        assert response.status_code == 403
        assert response.json()["code"] == "forbidden"
        assert "access-control-allow-origin" not in response.headers
        assert (await client.get("/api/recording/active")).json()["count"] == 0


@pytest.mark.parametrize(("origin", "refused"), [("https://evil.example", True), (PAGE, False)])
async def test_websockets_of_foreign_pages_are_refused(
    open_to_a_page: Settings, origin: str, refused: bool
) -> None:
    sent, reached = [], []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["path"])

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append((message["type"], message["code"]))

    headers = [(b"host", b"127.0.0.1:8000"), (b"origin", origin.encode())]
    scope = {"type": "websocket", "path": "/api/events", "headers": headers}
    await Guard(app, open_to_a_page, BrowserSessions(MemoryCatalog([])))(scope, receive, send)
    assert sent == ([("websocket.close", 1008)] if refused else [])
    assert reached == ([] if refused else ["/api/events"])


async def test_preflight_of_an_allowed_page(open_to_a_page: Settings) -> None:
    headers = {
        "origin": PAGE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
        "access-control-request-private-network": "true",
    }
    async with calling(open_to_a_page) as client:
        asked = await client.options(START, headers=headers)
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == PAGE
        assert "POST" in asked.headers["access-control-allow-methods"]
        assert "Content-Type" in asked.headers["access-control-allow-headers"]
        real = await client.post(START, json={"mint_id": MINT}, headers={"origin": PAGE})
        assert (real.status_code, real.headers["access-control-allow-origin"]) == (200, PAGE)


async def test_preflight_of_others(client: httpx.AsyncClient) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    asked = await client.options(START, headers=headers)
    assert asked.status_code == 400
    assert "access-control-allow-origin" not in asked.headers


async def test_api_key() -> None:
    key = "sésame, ouvre-toi"
    settings = Settings(host="0.0.0.0", api_key=SecretStr(key), allowed_origins=[PAGE])
    async with calling(settings) as client:
        without = await client.get(STATUS, headers={"origin": PAGE})
        assert without.status_code == 401
        assert without.headers["www-authenticate"] == "X-API-Key"
        assert without.headers["access-control-allow-origin"] == PAGE
        wrong = await client.get(STATUS, headers={"x-api-key": "other"})
        assert (wrong.status_code, wrong.json()["error"]) == (401, "The API key is wrong")
        right = {b"x-api-key": key.encode(), b"host": b"recorder.example"}
        assert (await client.get(STATUS, headers=right)).status_code == 200
        assert (await client.get("/docs")).status_code == 200
        for path in ("/metrics", "/api/events", "/api/processes"):
            assert (await client.get(path)).status_code == 401
        assert (await client.get("/metrics", headers=right)).status_code == 200
        for probe in ("/livez", "/readyz"):
            assert (await client.get(probe)).json()["status"], "probes have no key"


def test_listening_elsewhere_needs_a_key() -> None:
    with pytest.raises(SettingsError, match=r"0\.0\.0\.0.*ORCHESTRATOR_API_KEY"):
        check_listening(Settings(host="0.0.0.0"))
    check_listening(Settings(host="0.0.0.0", api_key=SecretStr("k" * 16)))
    check_listening(Settings(host="::1"))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("mylocalhost", False),
        ("", False),
    ],
)
def test_loopback_names(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
