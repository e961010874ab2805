"""/api/streams: streams with names of their own are added, listed and removed; secrets stay."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import httpx
import pytest

from orchestrator.api.schemas.common import MINT_ID
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.streams.table import AddedStreams
from orchestrator.discovery.configured import ConfiguredDiscovery
from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.server.streams.named_streams import NamedStreams
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.api.callers import APP, PAGE, calling
from tests.kit.api.memory import MemoryManager
from tests.kit.catalog.rows import recording

TOKEN = "geheim-geheim"
WHEP = "https://me:geheim@media.example/whep/lobby?key=geheim#geheim"
LOBBY = {"mint_id": "the/lobby", "name": "Lobby", "whep": WHEP, "token": TOKEN}


@pytest.fixture
def manager(settings: Settings, catalog: Catalog) -> MemoryManager:
    """Its streams stand in a real catalog; the settings define one."""
    hall = StreamSettings(whep="https://media.example/whep/hall")
    settings = settings.model_copy(update={"streams": {"hall": hall}})
    made = MemoryManager(settings)
    made.directory.named.put("hall", hall)
    made.streams = NamedStreams(settings, catalog, made.directory.named)
    return made


async def test_added_listed_and_removed(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/streams", json=LOBBY)
    assert answer.status_code == 201
    added = answer.json()
    assert (added["success"], added["mint_id"], added["name"]) == (True, "the/lobby", "Lobby")
    assert (added["kind"], added["defined_by"]) == ("whep", "request")
    assert (added["is_currently_live"], added["address"]) == (
        None,
        "https://media.example/whep/lobby",
    )
    listed = (await client.get("/api/streams")).json()
    assert "geheim" not in json.dumps([added, listed])
    mine = {each["mint_id"]: each for each in listed["streams"]}
    assert mine["the/lobby"]["discovery"] == "configured"
    assert mine["hall"]["defined_by"] == "settings"
    assert {each["kind"] for each in mine.values()} == {"whep", None}
    removed = await client.delete("/api/streams/the/lobby")
    assert removed.json() == {"success": True, "mint_id": "the/lobby"}
    again = await client.delete("/api/streams/the%2Flobby")
    assert (again.status_code, again.json()["code"]) == (404, "not_added")


async def test_a_room_whose_keys_were_added_says_so(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    room = manager.directory.streams[0].id
    body = {"mint_id": room, "e2ee": {"passphrase": "geheim-geheim"}}
    assert (await client.post("/api/streams", json=body)).status_code == 201
    listed = (await client.get("/api/streams")).json()["streams"]
    (mine,) = (each for each in listed if each["mint_id"] == room)
    assert (mine["kind"], mine["defined_by"]) == (None, "request")


async def test_one_that_is_published_here_has_a_key_and_no_address(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    key = "geheim-geheim-geheim"
    answer = await client.post("/api/streams", json={"mint_id": "studio", "whip": key})
    added = answer.json()
    assert (answer.status_code, added["kind"], added["address"]) == (201, "whip", None)
    assert "geheim" not in answer.text
    defined = manager.streams.definition("studio")
    assert defined is not None
    assert defined.whip is not None
    assert defined.whip.get_secret_value() == key


async def test_keys_of_a_room_are_kept_sealed_and_shown_nowhere(
    client: httpx.AsyncClient, manager: MemoryManager, catalog: Catalog
) -> None:
    e2ee = {"passphrase": "geheim words", "participants": {"anna": {"passphrase": "geheim, too"}}}
    answer = await client.post("/api/streams", json={"mint_id": "room", "e2ee": e2ee})
    added = answer.json()
    assert (answer.status_code, added["kind"], added["address"]) == (201, None, None)
    assert "geheim" not in answer.text + (await client.get("/api/streams")).text
    (row,) = (await AddedStreams(catalog).all()).values()
    assert "geheim" not in row
    later = NamedStreams(manager.settings, catalog, ConfiguredDiscovery({}))
    await later.read()
    for defined in (manager.streams.definition("room"), later.definition("room")):
        assert defined is not None
        assert defined.e2ee == E2eeKeys.model_validate(e2ee)
    assert (await client.delete("/api/streams/room")).status_code == 200


@pytest.mark.parametrize(
    ("id", "code"), [("hall", "stream_exists"), ("the/lobby", "stream_exists")]
)
async def test_an_id_is_taken_once(client: httpx.AsyncClient, id: str, code: str) -> None:
    await client.post("/api/streams", json=LOBBY)
    answer = await client.post("/api/streams", json=LOBBY | {"mint_id": id})
    assert (answer.status_code, answer.json()["code"]) == (409, code)


async def test_those_of_the_settings_stay(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/api/streams/hall")
    assert (answer.status_code, answer.json()["code"]) == (409, "stream_configured")
    assert "settings" in answer.json()["detail"]


async def test_one_that_is_recorded_stays_and_is_live(
    client: httpx.AsyncClient, manager: MemoryManager, catalog: Catalog
) -> None:
    await client.post("/api/streams", json=LOBBY)
    row = recording("r1", "the/lobby")
    await catalog.create(row)
    manager.rows.append(recording("r1", "the/lobby", state="recording"))
    answer = await client.delete("/api/streams/the/lobby")
    assert (answer.status_code, answer.json()["code"]) == (409, "still_active")
    listed = (await client.get("/api/streams")).json()["streams"]
    assert {each["mint_id"]: each["is_currently_live"] for each in listed}["the/lobby"] is True


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"mint_id": ""}, "mint_id"),
        ({"mint_id": "a\nb"}, "mint_id"),
        ({"mint_id": "x" * 257}, "mint_id"),
        ({"mint_id": "rtmp://host/geheim"}, "mint_id"),
        ({"mint_id": "../x"}, "mint_id"),
        ({"tokn": "geheim"}, "tokn"),
        ({"name": "x" * 201}, "name"),
        ({"name": 7}, "name"),
        ({"whep": "ftp://geheim.example/a"}, "whep"),
        ({"whep": "https:///geheim"}, "whep"),
        ({"whep": "https://geheim.example:99999/"}, "whep"),
        ({"whep": "https://[geheim/"}, "whep"),
        ({"whep": "https://media.example/geheim\r\nX: y"}, "whep"),
        ({"whep": "https://media.example/" + "geheim" * 400}, "whep"),
        ({"whep": ["geheim"]}, "whep"),
        ({"token": "geheim\r\nX-Evil: 1"}, "token"),
        ({"token": "geheim mit Lücke"}, "token"),
        ({"token": ""}, "token"),
        ({"token": "geheim" * 1000}, "token"),
        ({"token": {"geheim": 1}}, "token"),
        ({"whip": "geheim", "whep": None, "token": None}, "whip"),
        ({"whip": " geheim-geheim-geheim", "whep": None, "token": None}, "whip"),
        ({"whip": "Bearer geheim-geheim-geheim", "whep": None, "token": None}, "whip"),
        ({"url": "rtsp://me:geheim/wort@h.example/x", "whep": None, "token": None}, "url"),
        ({"url": "rtmp://h.example/live/" + "geheim" * 400, "whep": None, "token": None}, "url"),
        ({"url": ["rtmp://h.example/live/geheim"], "whep": None, "token": None}, "url"),
        ({"whip": "geheim-geheim-geheim"}, ""),
        ({"e2ee": {"passphrase": "geheim"}}, ""),
        ({"e2ee": {"passphrase": ""}, "whep": None, "token": None}, "e2ee.passphrase"),
        ({"e2ee": {"key": "geheim!"}, "whep": None, "token": None}, "e2ee.key"),
        ({"whep": None}, ""),
        ({"whep": None, "token": None}, ""),
    ],
)
async def test_what_is_no_stream_is_refused_and_not_repeated(
    client: httpx.AsyncClient, manager: MemoryManager, changes: dict[str, Any], field: str
) -> None:
    answer = await client.post("/api/streams", json=LOBBY | changes)
    assert answer.status_code == 422, answer.text
    body = answer.json()
    said = [each["field"] for each in body["fields"] or []] or [
        (body["context"] or {"field": ""})["field"]
    ]
    assert said == [field]
    assert "geheim" not in answer.text
    assert manager.streams.definition("the/lobby") is None


async def test_the_desktop_app_and_other_pages_add_none(
    settings: Settings, manager: MemoryManager
) -> None:
    """Only who may use the whole API has the server ask addresses."""
    manager.settings = settings.model_copy(update={"desktop_app": True})
    async with calling(manager.settings, manager) as client:
        for headers in (APP, {"Origin": PAGE}):
            for method, path in (("POST", ""), ("GET", "/hall"), ("DELETE", "/hall")):
                answer = await client.request(
                    method,
                    f"/api/streams{path}",
                    headers=headers,
                    json=LOBBY if method == "POST" else None,
                )
                assert answer.status_code == 403
    assert manager.streams.definition("the/lobby") is None


async def test_the_desktop_app_lists_what_is_live_only(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    """ "Record all" would start each of them."""
    await client.post("/api/streams", json=LOBBY)
    listed = (await client.get("/api/live/popular")).json()
    assert [each["mint_id"] for each in listed] == [MINT_ID]


async def test_a_thousand_of_them(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    for number in range(1000):
        url = f"https://media.example/whep/{number}"
        manager.directory.named.put(f"n{number}", StreamSettings(whep=url))
    began = time.process_time()
    listed = (await client.get("/api/streams?limit=200")).json()
    assert listed["count"] == 200
    assert time.process_time() - began < 1


async def test_secrets_are_in_no_log(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    await client.post("/api/streams", json=LOBBY)
    await client.post("/api/streams", json=LOBBY)
    await client.delete("/api/streams/the/lobby")
    written = capsys.readouterr()
    assert "geheim" not in caplog.text + written.out + written.err


STUDIO = {"mint_id": "studio", "url": "rtmp://me:geheim@media.example/live/geheim?token=geheim"}


async def test_an_address_for_ffmpeg_is_refused(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    answer = await client.post("/api/streams", json=STUDIO)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "ORCHESTRATOR_ALLOW_URL_STREAMS" in answer.json()["detail"]
    assert "geheim" not in answer.text
    assert manager.streams.definition("studio") is None


async def test_unless_a_setting_allows_it(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    manager.settings = manager.settings.model_copy(update={"allow_url_streams": True})
    answer = await client.post("/api/streams", json=STUDIO)
    assert (answer.status_code, answer.json()["kind"]) == (201, "url")
    assert answer.json()["address"] == "rtmp://media.example/live/***"
    assert "geheim" not in answer.text
    odd = await client.post(
        "/api/streams", json=STUDIO | {"mint_id": "odd", "url": "ftp://geheim/a"}
    )
    assert odd.status_code == 422
    assert "geheim" not in odd.text
