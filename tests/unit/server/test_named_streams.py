"""Streams that are added while the server runs: kept, sealed, shared with other processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from orchestrator.catalog.store import Catalog
from orchestrator.catalog.streams import table
from orchestrator.discovery.configured import ConfiguredDiscovery
from orchestrator.errors import (
    NotAdded,
    SourceRefused,
    StillActive,
    StreamConfigured,
    StreamExists,
    TooManyStreams,
)
from orchestrator.media import Stream
from orchestrator.server.streams.named_streams import NamedStreams
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.catalog.rows import recording

URL = "https://media.example/whep/lobby?key=geheim"
LOBBY = StreamSettings(name="Lobby", whep=URL, token=SecretStr("letmein-letmein"))

Server = Callable[..., NamedStreams]


@pytest.fixture
def server(catalog: Catalog) -> Server:
    """Makes what another server, or the next one, has of the same catalog."""

    def make(**streams: StreamSettings) -> NamedStreams:
        return NamedStreams(Settings(streams=streams), catalog, ConfiguredDiscovery(streams))

    return make


async def test_addresses_that_requests_may_not_name_any_more_are_listed_and_not_read(
    catalog: Catalog,
) -> None:
    def server(*, allowed: bool) -> tuple[NamedStreams, ConfiguredDiscovery]:
        named = ConfiguredDiscovery({})
        return NamedStreams(Settings(allow_url_streams=allowed), catalog, named), named

    studio = StreamSettings(url="rtmp://media.example/live/geheim")
    first, allowing = server(allowed=True)
    await first.add("studio", studio)
    await first.add("stage", studio, by_command=True)
    await first.add("lobby", LOBBY)
    assert await allowing.find("studio") is not None
    later, named = server(allowed=False)
    await later.read()
    assert {each.id for each in await named.live(9)} == {"studio", "stage", "lobby"}
    stream = Stream("studio", "configured")
    for ask in (named.find, named.look, named.watched):
        with pytest.raises(SourceRefused, match="a request named its address") as refused:
            await ask("studio")
        assert "ORCHESTRATOR_ALLOW_URL_STREAMS" in refused.value.detail
        assert "geheim" not in str(refused.value)
    with pytest.raises(SourceRefused):
        await named.endpoint(stream, "identity")
    assert await named.find("stage") is not None
    assert await named.endpoint(Stream("lobby", "configured"), "identity")
    await later.remove("studio")
    assert await named.find("studio") is None
    await later.add("studio", studio, by_command=True)
    assert await named.find("studio") is not None


async def test_what_is_added_is_there_for_the_next_server_and_sealed(
    server: Server, catalog: Catalog
) -> None:
    first = server()
    await first.add("the/lobby", LOBBY)
    assert (first.definition("the/lobby"), first.defined_by("the/lobby")) == (LOBBY, "request")
    later = server()
    assert later.definition("the/lobby") is None
    await later.read()
    assert (later.definition("the/lobby"), later.version) == (LOBBY, 1)
    await later.read()
    assert later.version == 1, "nothing has changed"
    with sqlite3.connect(catalog.path) as database:
        everything = "\n".join(database.iterdump())
    assert "the/lobby" in everything
    assert "letmein" not in everything
    assert "geheim" not in everything


async def test_what_another_process_adds_anew_loses_its_publisher(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = []

    async def remove(_: ConfiguredDiscovery, id: str) -> None:
        forgotten.append(id)

    keys = [StreamSettings(whip=f"the-key-of-the-lobby-{number}") for number in (1, 1, 2)]
    first, other = server(), server()
    await other.add("lobby", keys[0])
    await first.read()
    for number, key in enumerate(keys[1:]):
        await other.remove("lobby")
        await other.add("lobby", key)
        with monkeypatch.context() as patched:
            patched.setattr(ConfiguredDiscovery, "remove", remove)
            await first.read()
        assert forgotten == ["lobby"] * number, "only if it has another key"
        assert first.definition("lobby") == key


async def test_what_another_process_removes_is_gone(server: Server) -> None:
    first, other = server(), server()
    await first.add("lobby", LOBBY)
    await other.read()
    await other.remove("lobby")
    await first.read()
    assert (first.definition("lobby"), first.defined_by("lobby")) == (None, None)
    with pytest.raises(NotAdded):
        await first.remove("lobby")


async def test_an_id_is_one_streams(server: Server) -> None:
    made = server(lobby=LOBBY)
    other = StreamSettings(whep="https://media.example/other")
    with pytest.raises(StreamExists, match="lobby"):
        await made.add("lobby", other)
    with pytest.raises(StreamConfigured, match="lobby"):
        await made.remove("lobby")
    assert (made.definition("lobby"), made.defined_by("lobby")) == (LOBBY, "settings")
    await made.add("hall", LOBBY)
    with pytest.raises(StreamExists, match="hall"):
        await server().add("hall", other)


async def test_the_settings_win_over_what_was_added_before(server: Server) -> None:
    await server().add("lobby", LOBBY)
    configured = StreamSettings(whep="https://media.example/other")
    made = server(lobby=configured)
    await made.read()
    assert (made.definition("lobby"), made.defined_by("lobby")) == (configured, "settings")
    await server().remove("lobby")
    await made.read()
    assert made.definition("lobby") == configured


async def test_one_that_is_recorded_stays(server: Server, catalog: Catalog) -> None:
    made = server()
    await made.add("lobby", LOBBY)
    await catalog.create(recording("r1", "lobby"))
    with pytest.raises(StillActive, match="lobby is being recorded"):
        await made.remove("lobby")
    assert made.definition("lobby") == LOBBY
    await catalog.update("r1", state="completed")
    await made.remove("lobby")
    assert made.definition("lobby") is None


async def test_their_number_is_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_ADDED", 2)
    made = server()
    for id in ("a", "b"):
        await made.add(id, LOBBY)
    with pytest.raises(TooManyStreams):
        await made.add("c", LOBBY)
    assert made.definition("c") is None


async def test_without_its_key_a_stream_is_unknown_and_can_be_removed(
    server: Server, catalog: Catalog
) -> None:
    await server().add("lobby", LOBBY)
    Path(f"{catalog.path}.key").unlink()
    made = server()
    await made.read()
    assert (made.definition("lobby"), made.defined_by("lobby")) == (None, "request")
    await made.remove("lobby")
    assert made.defined_by("lobby") is None
