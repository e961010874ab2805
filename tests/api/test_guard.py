"""Who may call: host names, origins, the API key, and where a server may listen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from orchestrator.api.app import create_app
from orchestrator.api.guard import Guard, check_listening, is_loopback, refusal
from orchestrator.errors import SettingsError
from orchestrator.settings import Settings
from tests.api.memory import MINT, MemoryManager

START = "/api/recording/start"
STATUS = f"/api/recording/status/{MINT}"


@asynccontextmanager
async def calling(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(MemoryManager(settings)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


def refused(settings: Settings, method: str = "GET", **headers: str) -> int | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    error = refusal(method, STATUS, Headers(named), settings)
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


@pytest.mark.parametrize("origin", ["null", "http://localhost:3000", "http://127.0.0.1:8000"])
def test_origins_that_may_change_things(settings: Settings, origin: str) -> None:
    assert refused(settings, "POST", host="127.0.0.1:8000", origin=origin) is None


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://localhost:3001", "http://127.0.0.1:9000", "http://[", ""],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_origins_that_may_not(settings: Settings, origin: str, method: str) -> None:
    assert refused(settings, method, host="127.0.0.1:8000", origin=origin) == 403


def test_anybody_may_look(settings: Settings) -> None:
    assert refused(settings, "GET", host="127.0.0.1", origin="https://evil.example") is None


async def test_foreign_pages_change_nothing(settings: Settings) -> None:
    headers = {"origin": "https://evil.example"}
    async with calling(settings) as client:
        response = await client.post(START, json={"mint_id": MINT}, headers=headers)
        assert response.status_code == 403
        assert response.json()["code"] == "forbidden"
        assert "access-control-allow-origin" not in response.headers
        assert (await client.get("/api/recording/active")).json()["count"] == 0


@pytest.mark.parametrize(
    ("origin", "refused"), [("https://evil.example", True), ("http://localhost:3000", False)]
)
async def test_websockets_of_foreign_pages_are_refused(
    settings: Settings, origin: str, refused: bool
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
    await Guard(app, settings)(scope, receive, send)
    assert sent == ([("websocket.close", 1008)] if refused else [])
    assert reached == ([] if refused else ["/api/events"])


@pytest.mark.parametrize("origin", ["null", "http://localhost:3000"])
async def test_preflight_of_the_app(client: httpx.AsyncClient, origin: str) -> None:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
        "access-control-request-private-network": "true",
    }
    asked = await client.options(START, headers=headers)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == origin
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "Content-Type" in asked.headers["access-control-allow-headers"]
    real = await client.post(START, json={"mint_id": MINT}, headers={"origin": origin})
    assert (real.status_code, real.headers["access-control-allow-origin"]) == (200, origin)


async def test_preflight_of_others(client: httpx.AsyncClient) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    asked = await client.options(START, headers=headers)
    assert asked.status_code == 400
    assert "access-control-allow-origin" not in asked.headers


async def test_api_key() -> None:
    async with calling(Settings(host="0.0.0.0", api_key=SecretStr("sésame"))) as client:
        without = await client.get(STATUS, headers={"origin": "null"})
        assert without.status_code == 401
        assert without.headers["www-authenticate"] == "X-API-Key"
        assert without.headers["access-control-allow-origin"] == "null"
        wrong = await client.get(STATUS, headers={"x-api-key": "other"})
        assert (wrong.status_code, wrong.json()["error"]) == (401, "The API key is wrong")
        right = {b"x-api-key": "sésame".encode(), b"host": b"recorder.example"}
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
    check_listening(Settings(host="0.0.0.0", api_key=SecretStr("key")))
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
