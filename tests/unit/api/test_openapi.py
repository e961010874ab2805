"""The documentation: an example of every type, every error of every route, no outside host."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from orchestrator.api import schemas
from orchestrator.api.app import create_app
from orchestrator.api.schemas import (
    agent,
    capacity,
    common,
    encodes,
    events,
    health,
    live_streams,
    monitoring,
    pipelines,
    recording_control,
    recordings,
    status,
    streams,
    video_library,
    watches,
)
from orchestrator.settings import Settings
from tests.kit.api.memory import MemoryManager

APP = create_app(MemoryManager(Settings()))
DOCUMENT: dict[str, Any] = APP.openapi()
SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
ROUTES = [
    (method, path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
OWN_FAILURES = {("/api/health", "503"): "Health", ("/readyz", "503"): "Ready"}
"""They are Failures, too, with more to tell."""
WIRE: list[type[common.Wire]] = [
    model
    for module in (
        *(agent, capacity, common, encodes, events, health, live_streams, monitoring, pipelines),
        *(recording_control, recordings, status, streams, video_library, watches),
    )
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, common.Wire) and model is not common.Wire
]


def test_the_documents_addresses_are_there() -> None:
    there = {(method.upper(), path) for method, path, _ in ROUTES}
    prefix = "/api/recording"
    assert {
        ("POST", f"{prefix}/start"),
        ("POST", f"{prefix}/stop"),
        ("GET", f"{prefix}/status/{{mint_id}}"),
        ("GET", f"{prefix}/active"),
        ("GET", f"{prefix}/output-directory"),
        ("POST", f"{prefix}/set-output-directory"),
        ("GET", f"{prefix}/formats"),
    } <= there


def test_names_of_types_say_nothing_of_modules() -> None:
    """FastAPI puts the module before a name that two classes have."""
    assert [name for name in SCHEMAS if "__" in name] == []


@pytest.mark.parametrize("name", sorted(n for n, s in SCHEMAS.items() if s.get("type") == "object"))
def test_every_type_has_an_example(name: str) -> None:
    schema = SCHEMAS[name]
    assert schema.get("description")
    assert schema["examples"]
    assert set(schema.get("required", [])) <= set(schema["properties"])


@pytest.mark.parametrize("model", sorted(set(WIRE), key=str))
def test_every_example_is_one(model: type[common.Wire]) -> None:
    value = common.example_of(model)
    assert set(value) <= set(model.model_fields)
    read = TypeAdapter(model).validate_python(value)
    assert value.items() <= read.model_dump(mode="json").items()


@pytest.mark.parametrize(("method", "path", "operation"), ROUTES)
def test_every_route_tells_its_errors(method: str, path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    wanted = {"401", "403", "422", "500"} | ({"413", "415"} if method == "post" else set())
    wanted |= {"404"} if "{id}" in path else set()
    assert wanted <= set(responses)
    for code, response in responses.items():
        if int(code) >= 400:
            content = response["content"]["application/json"]
            own = OWN_FAILURES.get((path, code), "Failure")
            assert content["schema"] == {"$ref": f"#/components/schemas/{own}"}
            if own != "Failure":
                continue
            for example in content["examples"].values():
                assert common.Failure.model_validate(example["value"]).error


@pytest.mark.parametrize(("method", "path", "operation"), ROUTES)
def test_every_route_is_described(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    assert operation["operationId"]


async def test_docs_need_no_internet(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert addresses
    for address in addresses:
        assert address.startswith("/")
        assert (await client.get(address)).status_code == 200
    assert "https://" not in page.text


async def test_start_page_leads_to_the_docs(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    assert (response.status_code, response.headers["location"]) == (307, "/docs")


def test_schemas_package_is_described() -> None:
    assert schemas.__doc__
