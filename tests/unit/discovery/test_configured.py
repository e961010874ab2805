"""Streams with names of their own, as the directory of them says."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from orchestrator.discovery.configured import ConfiguredDiscovery
from orchestrator.discovery.demo.discovery import DemoDiscovery
from orchestrator.discovery.directory import Directory
from orchestrator.discovery.livekit import LiveKitDiscovery
from orchestrator.errors import InvalidRequest, SourceRefused, SourceUnreachable, StreamNotFound
from orchestrator.media import Stream, WhepEndpoint
from orchestrator.server.streams.details import details_of
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.ports import free_port
from tests.kit.sources.whep_answers import SDP, scripted

TOKEN = "letmein-letmein"


def lobby(url: str) -> StreamSettings:
    return StreamSettings(name="Lobby", whep=url, token=SecretStr(TOKEN))


async def test_a_stream_of_the_settings_is_found_listed_and_received() -> None:
    async with scripted() as server:
        server.says(status=201, text=SDP, headers={"Location": "session/1"})
        settings = Settings(discovery=["demo"], streams={"lobby": lobby(f"{server.url}/live/a")})
        directory = Directory.from_settings(settings)
        (listed, _) = await directory.live(9)
        assert (listed.id, listed.name, listed.is_currently_live) == ("lobby", "Lobby", None)
        assert server.asked == [], "a list asks nobody"
        found = await directory.find("lobby")
        assert (found.discovery, found.is_currently_live, found.video) == ("configured", True, True)
        assert server.asked == [
            ("POST", "/live/a", f"Bearer {TOKEN}"),
            ("DELETE", "/live/session/1", f"Bearer {TOKEN}"),
        ], "the session that the question took is given back"
        (listed, _) = await directory.live(9)
        assert listed.is_currently_live
        endpoint = await directory.endpoint(found, "identity")
        assert endpoint == WhepEndpoint(f"{server.url}/live/a", TOKEN)
        await directory.close()


async def test_it_is_not_asked_again_at_once() -> None:
    async with scripted() as server:
        server.says(status=201, text=SDP)
        named = ConfiguredDiscovery({"lobby": lobby(server.url)})
        for _ in range(5):
            await named.find("lobby")
        assert len(server.asked) == 1
        await named.close()


@pytest.mark.parametrize("status", [404, 409, 410])
async def test_a_stream_that_nobody_publishes_is_not_live(status: int) -> None:
    async with scripted() as server:
        server.says(status=status, text="no one is publishing")
        named = ConfiguredDiscovery({"lobby": lobby(server.url)})
        with pytest.raises(StreamNotFound) as caught:
            await named.find("lobby")
        assert "no one is publishing" in caught.value.detail
        assert [each.is_currently_live for each in await named.live(9)] == [False]
        await named.close()


async def test_a_failure_of_one_server_is_that_streams_only() -> None:
    """It hides no other directory, is none of its failures, and no other one is asked instead."""
    unreachable = f"http://127.0.0.1:{free_port()}/whep"
    named = ConfiguredDiscovery({"demo": lobby(unreachable)})
    directory = Directory([DemoDiscovery()], named=named)
    with pytest.raises(SourceUnreachable):
        await directory.find("demo")
    assert directory.failures == {}
    assert [each.is_currently_live for each in await named.live(9)] == [None]
    (listed,) = await directory.live(9)
    assert listed.discovery == "configured", "its name is taken"
    await directory.close()


async def test_a_wrong_token_is_a_refusal() -> None:
    async with scripted() as server:
        server.says(status=401, text="who are you?")
        named = ConfiguredDiscovery({"lobby": lobby(server.url)})
        with pytest.raises(SourceRefused, match="who are you") as caught:
            await named.find("lobby")
        assert TOKEN not in str(caught.value)
        await named.close()


async def test_what_is_removed_is_gone() -> None:
    named = ConfiguredDiscovery({"lobby": lobby("http://127.0.0.1:9/whep")})
    named.put("hall", lobby("http://127.0.0.1:9/hall"))
    assert [each.id for each in await named.live(9)] == ["lobby", "hall"]
    await named.remove("lobby")
    await named.remove("lobby")
    assert (len(named), named.definition("lobby")) == (1, None)
    assert await named.find("lobby") is None
    with pytest.raises(StreamNotFound, match="lobby"):
        await named.endpoint(Stream("lobby", "configured"), "identity")


async def test_lists_have_room_for_both() -> None:
    """A thousand named streams leave half of a list to those that are watched."""

    class Watched:
        name = "watched"

        async def live(self, limit: int) -> list[Stream]:
            return [Stream(f"w{n}", "watched", num_participants=n) for n in range(count, 0, -1)]

    named = ConfiguredDiscovery({f"n{n}": lobby("http://127.0.0.1:9/a") for n in range(1000)})
    directory = Directory([Watched()], named=named)  # type: ignore[list-item]
    count = 30
    listed = await directory.live(20)
    assert [each.id for each in listed[:2]] == ["w30", "w29"]
    assert len(listed) == 20
    assert sum(each.discovery == "configured" for each in listed) == 10
    assert [each.id for each in await directory.live(1)] == ["w30"], "the most watched one"
    count = 3
    assert len(await directory.live(20)) == 20


class Rooms(LiveKitDiscovery):
    """A LiveKit server with these rooms."""

    def __init__(self, *ids: str) -> None:
        super().__init__("ws://localhost:1", "key", "secret")
        self.ids = ids

    async def live(self, limit: int) -> list[Stream]:
        return [Stream(id=id, discovery="livekit") for id in self.ids[:limit]]

    async def find(self, id: str) -> Stream | None:
        return Stream(id=id, discovery="livekit") if id in self.ids else None


def keyed(passphrase: str) -> StreamSettings:
    return StreamSettings.model_validate({"e2ee": {"passphrase": passphrase}})


async def test_rooms_of_which_only_the_keys_are_kept_are_listed() -> None:
    named = ConfiguredDiscovery({"on": keyed("a"), "off": keyed("b")})
    directory = Directory([Rooms("on", "other")], named=named)
    listed = {each.id: each for each in await directory.live(9)}
    assert sorted(listed) == ["off", "on", "other"]
    assert (listed["on"].discovery, listed["on"].is_currently_live) == ("livekit", True)
    assert (listed["off"].discovery, listed["off"].is_currently_live) == ("configured", False)
    cut = {each.id: each for each in await directory.live(2)}
    assert cut["off"].is_currently_live is None, "there may be more rooms than were listed"
    await named.remove("off")
    assert "off" not in {each.id for each in await directory.live(9)}


async def test_a_room_that_is_not_live_is_found_by_its_keys() -> None:
    directory = Directory([Rooms()], named=ConfiguredDiscovery({"off": keyed("b")}))
    found = await details_of(directory, "off")
    assert (found.stream.id, found.stream.is_currently_live) == ("off", False)
    assert found.published is None
    assert isinstance(found.absence, StreamNotFound)
    with pytest.raises(StreamNotFound):
        await details_of(directory, "other")
    for id in ("rtmp://host/geheim", "file:///geheim"):
        with pytest.raises(InvalidRequest) as refused:
            await details_of(directory, id)
        assert "geheim" not in str(refused.value)
