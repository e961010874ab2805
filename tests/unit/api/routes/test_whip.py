"""/whip: what publishers are answered, by RFC 9725."""

from __future__ import annotations

import httpx
import pytest

from orchestrator.api.access.body_limit import MAX_BODY_BYTES
from orchestrator.errors import TooManyPublishers, UnusableOffer
from orchestrator.settings import Settings
from tests.kit.api.callers import APP, calling
from tests.kit.api.memory import MemoryManager
from tests.kit.api.memory_publishers import ANSWER, ETAG, SESSION

KEY = "the-key-of-the-lobby"
SDP = {"Content-Type": "application/sdp"}
CANDIDATES = {"Content-Type": "application/trickle-ice-sdpfrag"}
BEARER = {"Authorization": f"Bearer {KEY}"}
HERE = f"/whip/lobby/{SESSION}"


@pytest.fixture
def manager(settings: Settings) -> MemoryManager:
    made = MemoryManager(settings)
    made.publishers.keys = {"lobby": KEY, "a/b": KEY}
    return made


@pytest.fixture
async def published(client: httpx.AsyncClient) -> httpx.AsyncClient:
    answer = await client.post("/whip/lobby", content="v=0", headers=SDP | BEARER)
    assert answer.status_code == 201
    return client


async def test_an_offer_is_answered(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    answer = await client.post("/whip/lobby", content="v=0", headers=SDP | BEARER)
    assert (answer.status_code, answer.text) == (201, ANSWER)
    assert answer.headers["content-type"] == "application/sdp"
    assert answer.headers["location"] == HERE
    assert answer.headers["etag"] == f'"{ETAG}"'
    assert answer.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
    assert manager.publishers.offers == [("lobby", "v=0")]


@pytest.mark.parametrize("token", [f"Bearer {KEY}", f"bearer   {KEY}", KEY, f" {KEY} "])
async def test_the_token_as_clients_send_it(client: httpx.AsyncClient, token: str) -> None:
    headers = SDP | {"Authorization": token}
    assert (await client.post("/whip/lobby", content="v=0", headers=headers)).status_code == 201


@pytest.mark.parametrize(
    "token", ["", "Bearer", f"Bearer {KEY}x", "Bearer \xe4\xf6", f"Basic {KEY}"]
)
@pytest.mark.parametrize("stream", ["lobby", "nobody's"])
async def test_a_wrong_key_and_an_unknown_stream_look_alike(
    client: httpx.AsyncClient, manager: MemoryManager, token: str, stream: str
) -> None:
    headers = SDP | {"Authorization": token.encode("latin-1")}
    answer = await client.post(f"/whip/{stream}", content="v=0", headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_stream_key")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert KEY not in answer.text
    assert manager.publishers.offers == []


async def test_guessing_keys_is_slowed_down(client: httpx.AsyncClient) -> None:
    codes = []
    for guess in range(12):
        headers = SDP | {"Authorization": f"Bearer {guess}"}
        codes.append((await client.post("/whip/lobby", content="", headers=headers)).status_code)
    assert codes[0] == 401
    assert codes[-1] == 429
    right = await client.post("/whip/lobby", content="v=0", headers=SDP | BEARER)
    assert (right.status_code, right.json()["code"]) == (429, "too_many_attempts")
    assert "stream keys" in right.json()["error"]
    assert int(right.headers["retry-after"]) >= 1


async def test_what_is_asked_for_before_is_no_guess(client: httpx.AsyncClient) -> None:
    for _ in range(30):
        assert (await client.post("/whip/lobby", content="", headers=SDP)).status_code == 401
    answer = await client.post("/whip/lobby", content="v=0", headers=SDP | BEARER)
    assert answer.status_code == 201


@pytest.mark.parametrize("kind", [{}, {"Content-Type": "application/json"}, CANDIDATES])
async def test_another_type_of_body(client: httpx.AsyncClient, kind: dict[str, str]) -> None:
    answer = await client.post("/whip/lobby", content="{}", headers=BEARER | kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_bodies_that_are_too_large_or_no_text(client: httpx.AsyncClient) -> None:
    large = b"v" * (MAX_BODY_BYTES + 1)
    answer = await client.post("/whip/lobby", content=large, headers=SDP | BEARER)
    assert answer.status_code == 413
    answer = await client.post("/whip/lobby", content=b"v=0\xff", headers=SDP | BEARER)
    assert (answer.status_code, answer.json()["code"]) == (422, "unusable_offer")


async def test_offers_that_cannot_be_taken(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    manager.publishers.raises = UnusableOffer("The offer sends nothing.")
    answer = await client.post("/whip/lobby", content="v=0", headers=SDP | BEARER)
    assert (answer.status_code, answer.json()["error"]) == (422, "The offer sends nothing.")
    manager.publishers.raises = TooManyPublishers("16 are.", retry_after_s=9.5)
    answer = await client.post("/whip/lobby", content="v=0", headers=SDP | BEARER)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


async def test_the_session_is_there_until_it_is_left(
    published: httpx.AsyncClient, manager: MemoryManager
) -> None:
    for method in ("GET", "HEAD"):
        answer = await published.request(method, HERE, headers=BEARER)
        assert (answer.status_code, answer.content) == (204, b"")
    answer = await published.delete(HERE, headers=BEARER)
    assert (answer.status_code, answer.text) == (200, "The session has ended.\n")
    assert manager.publishers.requests[-1] == {"stream": "lobby", "op": "leave", "session": SESSION}


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
async def test_sessions_are_for_who_has_the_key(published: httpx.AsyncClient, method: str) -> None:
    answer = await published.request(method, HERE, headers=CANDIDATES, content=b"")
    assert answer.status_code == 401
    answer = await published.request(
        method, "/whip/lobby/another", headers=CANDIDATES | BEARER, content=b""
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "publisher_not_found")


@pytest.mark.parametrize(
    ("tag", "status"), [(None, 428), ('"second"', 412), ("*", 422), (f'"{ETAG}"', 204)]
)
async def test_candidates_come_with_the_tag(
    published: httpx.AsyncClient, manager: MemoryManager, tag: str | None, status: int
) -> None:
    headers = CANDIDATES | BEARER | ({} if tag is None else {"If-Match": tag})
    answer = await published.patch(HERE, content="a=mid:0", headers=headers)
    assert answer.status_code == status
    if status == 204:
        assert manager.publishers.requests[-1]["fragment"] == "a=mid:0"
    answer = await published.patch(HERE, content="v=0", headers=headers | SDP)
    assert answer.status_code == 415


async def test_options_say_what_may_be_sent(client: httpx.AsyncClient) -> None:
    for path in ("/whip/lobby", HERE):
        answer = await client.options(path)
        assert (answer.status_code, answer.headers["accept-post"]) == (200, "application/sdp")


@pytest.mark.parametrize("origin", ["https://studio.example", "null"])
async def test_pages_of_any_origin_may_publish(client: httpx.AsyncClient, origin: str) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = await client.options("/whip/lobby", headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert answer.headers["accept-post"] == "application/sdp"
    page = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Host": "recorder.example"}
    answer = await client.post("/whip/lobby", content="v=0", headers=SDP | BEARER | page)
    assert answer.status_code == 201
    shown = answer.headers["access-control-expose-headers"]
    assert {"Location", "Link", "ETag"} <= {each.strip() for each in shown.split(",")}
    refused = await client.get("/api/streams", headers=page)
    assert refused.status_code == 403, "all else is as it was"


async def test_no_api_key_is_asked_for(settings: Settings) -> None:
    locked = settings.model_copy(
        update={"api_key": Settings(api_key="a-key-of-the-api-itself").api_key}
    )
    manager = MemoryManager(locked)
    manager.publishers.keys = {"lobby": KEY}
    async with calling(locked, manager) as client:
        assert (await client.get("/api/streams")).status_code == 401
        answer = await client.post("/whip/lobby", content="v=0", headers=SDP | BEARER | APP)
        assert answer.status_code == 201


async def test_the_address_is_below_the_prefix_of_a_proxy(settings: Settings) -> None:
    below = settings.model_copy(update={"path_prefix": "/recorder"})
    manager = MemoryManager(below)
    manager.publishers.keys = {"a b/c": KEY}
    async with calling(below, manager) as client:
        answer = await client.post("/recorder/whip/a%20b/c", content="v=0", headers=SDP | BEARER)
        assert answer.headers["location"] == f"/recorder/whip/a%20b/c/{SESSION}"
        left = await client.delete(answer.headers["location"], headers=BEARER)
        assert left.status_code == 200
        assert manager.publishers.requests[-1]["stream"] == "a b/c"
