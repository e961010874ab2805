"""/api/live and /api/pumpfun, as the desktop app reads them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from orchestrator.api.app import create_app
from orchestrator.errors import SourceBusy
from orchestrator.media import Stream
from orchestrator.settings import Settings
from tests.kit.api.callers import APP, calling
from tests.kit.api.memory import MINT, MemoryManager, recording

FIELDS = [
    "mint_id",
    "name",
    "symbol",
    "description",
    "image_uri",
    "thumbnail",
    "creator",
    "market_cap",
    "usd_market_cap",
    "num_participants",
    "is_currently_live",
    "created_timestamp",
    "last_trade_timestamp",
    "nsfw",
    "website",
    "twitter",
    "telegram",
]
FULL = Stream("full", "pumpfun", "Full", "F", 9, market_cap=1.5, created_timestamp=7, nsfw=True)
BARE = Stream("bare", "pumpfun", num_participants=3)

pytestmark = pytest.mark.parametrize("prefix", ["/api/live", "/api/pumpfun"])


@pytest.fixture
def manager(settings: Settings) -> MemoryManager:
    made = MemoryManager(settings)
    made.directory.streams = [FULL, BARE, Stream("demo", "demo")]
    return made


async def get(client: httpx.AsyncClient, path: str, status: int = 200) -> Any:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_popular_is_a_bare_list_of_all_fields(client: httpx.AsyncClient, prefix: str) -> None:
    first, second, _ = await get(client, f"{prefix}/popular?limit=20")
    assert list(first) == FIELDS
    assert (first["mint_id"], first["market_cap"], first["nsfw"]) == ("full", 1.5, True)
    assert (second["name"], second["market_cap"], second["is_currently_live"]) == (None, None, True)
    assert len(await get(client, f"{prefix}/popular?limit=1")) == 1
    await get(client, f"{prefix}/popular?limit=0", 422)


@pytest.mark.parametrize("path", ["", "/live"])
async def test_live_in_pages(client: httpx.AsyncClient, prefix: str, path: str) -> None:
    def ids(streams: list[dict[str, Any]]) -> list[str]:
        return [stream["mint_id"] for stream in streams]

    everything = await get(client, prefix + path)
    assert ids(everything) == ["full", "bare", "demo"]
    assert list(everything[0]) == FIELDS
    page = await get(client, f"{prefix}{path}?offset=1&limit=1&include_nsfw=true")
    assert ids(page) == ["bare"]
    assert ids(await get(client, f"{prefix}{path}?include_nsfw=false")) == ["bare", "demo"]


async def test_stats(client: httpx.AsyncClient, manager: MemoryManager, prefix: str) -> None:
    top = (await get(client, f"{prefix}/popular"))[0]
    assert await get(client, f"{prefix}/stats") == {
        "total_live_streams": 3,
        "total_participants": 12,
        "nsfw_streams": 1,
        "sfw_streams": 2,
        "top_stream": top,
    }
    manager.directory.streams = []
    assert (await get(client, f"{prefix}/stats"))["top_stream"] is None


async def test_one_stream(client: httpx.AsyncClient, prefix: str) -> None:
    found = await get(client, f"{prefix}/stream/bare")
    assert list(found) == FIELDS
    assert found["mint_id"] == "bare"
    missing = await get(client, f"{prefix}/stream/a/room", 404)
    assert missing["error"] == "Stream not found or not live for mint_id: a/room"


async def test_validate(client: httpx.AsyncClient, prefix: str) -> None:
    for mint, known in (("bare", True), ("nobody", False)):
        body = await get(client, f"{prefix}/validate/{mint}")
        assert body == {"mint_id": mint, "is_valid": known, "is_live": known}


async def test_token(client: httpx.AsyncClient, manager: MemoryManager, prefix: str) -> None:
    answer = await client.get(f"{prefix}/token/bare")
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json().pop("token")
    assert answer.json() == {
        "mint_id": "bare",
        "token": token,
        "livekit_url": "wss://livekit.example",
        "role": "viewer",
    }
    await get(client, f"{prefix}/token/bare")
    assert len(set(manager.directory.joined)) == 2, "two viewers are two participants"


async def test_connection(client: httpx.AsyncClient, prefix: str) -> None:
    body = await get(client, f"{prefix}/connection/bare")
    assert body.pop("token")
    assert list(body.pop("stream_data")) == FIELDS
    assert body == {
        "success": True,
        "mint_id": "bare",
        "room_name": "the room",
        "participant_sid": None,
        "livekit_url": "wss://livekit.example",
        "role": "viewer",
        "connection_status": "active",
    }


@pytest.mark.parametrize("path", ["token", "connection"])
async def test_what_has_no_room_has_no_token(
    client: httpx.AsyncClient, prefix: str, path: str
) -> None:
    for mint in ("demo", "nobody"):
        assert (await get(client, f"{prefix}/{path}/{mint}", 404))["code"] == "stream_not_found"


async def test_disconnect_leaves_the_recording_alone(
    client: httpx.AsyncClient, manager: MemoryManager, prefix: str
) -> None:
    manager.rows.append(recording())
    answer = await client.post(f"{prefix}/disconnect/{MINT}")
    assert answer.json() == {
        "success": True,
        "mint_id": MINT,
        "message": "Stream disconnected successfully",
    }
    assert await manager.status(MINT) is not None


@pytest.mark.parametrize("path", ["token", "connection"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://127.0.0.1:8000"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
    ],
)
async def test_who_is_given_a_token(
    client: httpx.AsyncClient, prefix: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await client.get(f"{prefix}/{path}/bare", headers=headers)
    assert answer.status_code == status
    assert ("token" in answer.json()) is (status == 200)


async def test_the_app_is_given_what_pump_fun_gives_to_everybody(
    settings: Settings, prefix: str
) -> None:
    manager = MemoryManager(settings.model_copy(update={"desktop_app": True}))
    manager.directory.streams = [BARE, Stream("own-room", "livekit")]
    async with calling(manager.settings, manager) as client:
        client.headers.update(APP)
        assert (await get(client, f"{prefix}/connection/bare"))["token"]
        await get(client, f"{prefix}/connection/own-room", 403)
        await get(client, f"{prefix}/token/bare", 403)


async def test_a_token_wants_the_api_key(settings: Settings, prefix: str) -> None:
    manager = MemoryManager(settings.model_copy(update={"api_key": SecretStr("k")}))
    manager.directory.streams = [BARE]
    transport = httpx.ASGITransport(create_app(manager))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        await get(client, f"{prefix}/token/bare", 401)
        answer = await client.get(f"{prefix}/token/bare", headers={"X-API-Key": "k"})
        assert answer.json()["token"]


async def test_an_empty_list_is_not_told_for_a_failure(
    client: httpx.AsyncClient, manager: MemoryManager, prefix: str
) -> None:
    manager.directory.failures["pumpfun"] = SourceBusy("Wait.", "So long.", retry_after_s=30)
    assert len(await get(client, f"{prefix}/popular")) == 3
    listed = await get(client, "/api/streams")
    assert listed["failures"] == [
        {"discovery": "pumpfun", "error": "Wait.", "detail": "So long.", "code": "source_busy"}
    ]
    manager.directory.streams = []
    for path in ("popular", "live", "stats"):
        answer = await client.get(f"{prefix}/{path}")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "30"
