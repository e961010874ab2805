"""Every error has the one shape, whoever raised it, and tells nothing of the inside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from orchestrator.api.errors import MOST_PROBLEMS, full_text
from orchestrator.settings import Settings
from tests.kit.api.callers import PAGE, calling
from tests.kit.api.memory import MINT, MemoryManager

START = "/api/recording/start"
JSON = {"content-type": "application/json"}


def assert_shape(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert body["success"] is False
    assert body["error"]
    assert body["detail"].startswith(body["error"])
    assert body["code"] == code
    return body


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "unknown_address"),
        ("GET", "/nothing/{at}/all", 404, "unknown_address"),
        ("PUT", START, 405, "method_not_allowed"),
        ("GET", START, 405, "method_not_allowed"),
        ("DELETE", "/api/recordings", 405, "method_not_allowed"),
    ],
)
async def test_unknown_addresses(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    body = assert_shape(await client.request(method, path), status, code)
    assert f"{method} {path}" in body["error"]


async def test_405_says_what_is_allowed(client: httpx.AsyncClient) -> None:
    assert (await client.put(START)).headers["allow"] == "POST"
    assert (await client.put("/api/recordings/a1")).headers["allow"] == "DELETE, GET"
    assert (await client.put("/api/recordings/a1/file")).headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "Field required"),
        (b"{", "The body is not valid JSON: "),
        (b'{"mint_id": }', "at character 12"),
        (b"[]", "valid dictionary"),
        (b"{}", "mint_id: Field required"),
        (b'{"mint_id": ""}', "mint_id: String should have at least 1 character"),
        (b'{"mint_id": 7}', "mint_id: Input should be a valid string (got 7)"),
        (b'{"mint_id": "a\\u0000b"}', "mint_id: String should match pattern"),
        (b'{"mint_id": "\\ud800"}', "mint_id: Input should be a valid string"),
        (b'{"mint_id": "' + b"x" * 300 + b'"}', "mint_id: String should have at most 256"),
        (b'{"mint_id": "x", "output_format": "\\ud800"}', "output_format: Input should be a valid"),
    ],
)
async def test_bad_bodies(client: httpx.AsyncClient, body: bytes, error: str) -> None:
    refusal = assert_shape(await client.post(START, content=body, headers=JSON), 422, "validation")
    assert error in refusal["error"]
    assert len(refusal["error"]) < 300


async def test_body_that_is_no_text(client: httpx.AsyncClient) -> None:
    response = await client.post(START, content=b'{"mint_id": "\xff"}', headers=JSON)
    assert_shape(response, 400, "bad_request")


async def test_many_problems_are_reported_in_part(client: httpx.AsyncClient) -> None:
    query = {"limit": "x", "offset": "y", "state": "z", "mint_id": ""}
    body = (await client.get("/api/recordings", params=query)).json()
    assert {p["field"] for p in body["fields"]} == set(query)
    assert len(body["fields"]) <= MOST_PROBLEMS


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_bodies_that_are_no_json(client: httpx.AsyncClient, content_type: str) -> None:
    headers = {"content-type": content_type}
    response = await client.post(START, content=b'{"mint_id":"x"}', headers=headers)
    assert_shape(response, 415, "unsupported_media_type")


async def test_declared_size_is_bounded(client: httpx.AsyncClient) -> None:
    response = await client.post(START, content=b"x" * 65_537, headers=JSON)
    assert_shape(response, 413, "too_large")


async def test_real_size_is_bounded(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1024

    response = await client.post(START, content=endless(), headers=JSON)
    assert_shape(response, 413, "too_large")


async def test_the_unforeseen_is_a_number(open_to_a_page: Settings) -> None:
    manager = MemoryManager(open_to_a_page)
    manager.raises = RuntimeError("the password is swordfish")
    async with calling(open_to_a_page, manager) as client:
        response = await client.post(START, json={"mint_id": MINT}, headers={"origin": PAGE})
    body = assert_shape(response, 500, "internal")
    assert "swordfish" not in response.text
    assert "incident" in body["error"]
    # Readable for allowed pages: refusals carry the CORS headers too.
    assert response.headers["access-control-allow-origin"] == PAGE


async def test_the_unforeseen_is_logged(
    client: httpx.AsyncClient, manager: MemoryManager, capsys: pytest.CaptureFixture[str]
) -> None:
    manager.raises = RuntimeError("the password is swordfish")
    body = (await client.post(START, json={"mint_id": MINT})).json()
    logged = capsys.readouterr().out
    incident = body["error"].partition("incident ")[2].rstrip(")")
    assert incident in logged
    assert "swordfish" in logged
    assert "POST /api/recording/start" in logged


@pytest.mark.parametrize(
    ("error", "advice", "text"),
    [
        ("It broke", "", "It broke"),
        ("It broke", "Mend it.", "It broke. Mend it."),
        ("It broke.", "Mend it.", "It broke. Mend it."),
    ],
)
def test_detail_is_enough_alone(error: str, advice: str, text: str) -> None:
    assert full_text(error, advice) == text
