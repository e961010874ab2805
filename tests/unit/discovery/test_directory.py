"""Several directories as one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.discovery import directory
from orchestrator.discovery.directory import Directory
from orchestrator.errors import HavenError, SourceRefused, SourceUnreachable, StreamNotFound
from orchestrator.media import Stream, WhepEndpoint
from orchestrator.settings import Settings


class Shelf:
    """A directory that knows what it is given, and fails on demand."""

    def __init__(self, name: str, *known: str, fails: Exception | None = None) -> None:
        self.name = name
        self.known = known
        self.fails = fails
        self.hangs = False
        self.closed = False

    async def find(self, id: str) -> Stream | None:
        found = [stream for stream in await self.live(9) if stream.id == id]
        return found[0] if found else None

    async def live(self, limit: int) -> list[Stream]:
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails is not None:
            raise self.fails
        streams = [
            Stream(id=id, discovery=self.name, num_participants=len(id)) for id in self.known
        ]
        return sorted(streams, key=lambda one: -one.num_participants)[:limit]

    async def endpoint(self, stream: Stream, identity: str) -> WhepEndpoint:
        return WhepEndpoint(url=f"{self.name}/{stream.id}/{identity}")

    async def close(self) -> None:
        self.closed = True
        if self.fails is not None:
            raise self.fails


DOWN = SourceUnreachable("It is down.")
EMPTY = StreamNotFound("a", "The room is empty.")


async def test_the_first_that_knows_it_wins() -> None:
    both = Directory([Shelf("x", "a"), Shelf("y", "a", "b")])
    assert (await both.find("a")).discovery == "x"
    assert (await both.find("b")).discovery == "y"
    assert both.names == ["x", "y"]


@pytest.mark.parametrize("failure", [DOWN, EMPTY])
async def test_a_failure_does_not_hide_what_another_knows(failure: HavenError) -> None:
    both = Directory([Shelf("x", fails=failure), Shelf("y", "a")])
    assert (await both.find("a")).discovery == "y"
    assert list(both.failures) == (["x"] if failure is DOWN else [])


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        ([DOWN, None], DOWN),
        ([None, DOWN], DOWN),
        ([EMPTY, DOWN], DOWN),
        ([DOWN, EMPTY], DOWN),
        ([EMPTY, None], EMPTY),
        ([SourceRefused("No."), DOWN], SourceRefused("No.")),
    ],
)
async def test_a_failure_is_told_when_none_knows_it(
    failures: Sequence[HavenError | None], expected: HavenError
) -> None:
    shelves = [Shelf(f"{number}", fails=failure) for number, failure in enumerate(failures)]
    with pytest.raises(type(expected), match=str(expected)):
        await Directory(shelves).find("a")


async def test_an_unknown_stream() -> None:
    with pytest.raises(StreamNotFound, match="not live for mint_id: z"):
        await Directory([Shelf("x", "a")]).find("z")


async def test_live_is_sorted_and_cut() -> None:
    both = Directory([Shelf("x", "a", "ccc"), Shelf("y", "bb", "a")])
    live = await both.live(9)
    assert [(stream.id, stream.discovery) for stream in live] == [
        ("ccc", "x"),
        ("bb", "y"),
        ("a", "x"),
    ]
    assert [stream.id for stream in await both.live(1)] == ["ccc"]


async def test_live_leaves_out_who_fails() -> None:
    down = Shelf("x", fails=DOWN)
    both = Directory([down, Shelf("y", "a")])
    assert [stream.id for stream in await both.live(9)] == ["a"]
    assert both.failures == {"x": DOWN}
    down.fails = None
    assert [stream.id for stream in await both.live(9)] == ["a"]
    assert both.failures == {}


async def test_live_fails_when_all_do() -> None:
    with pytest.raises(SourceUnreachable, match="It is down"):
        await Directory([Shelf("x", fails=DOWN)]).live(9)
    assert await Directory([]).live(9) == []


async def test_a_mistake_is_not_taken_for_a_failure() -> None:
    with pytest.raises(ZeroDivisionError):
        await Directory([Shelf("x", fails=ZeroDivisionError()), Shelf("y", "a")]).live(9)


async def test_one_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "ANSWER_TIMEOUT_S", 0.05)
    silent = Shelf("x")
    silent.hangs = True
    both = Directory([silent, Shelf("y", "a")])
    assert [stream.id for stream in await both.live(9)] == ["a"]
    assert (await both.find("a")).discovery == "y"
    with pytest.raises(SourceUnreachable, match="The directory x didn't answer"):
        await both.find("b")


async def test_endpoints_come_from_where_the_stream_does() -> None:
    both = Directory([Shelf("x", "a"), Shelf("y", "b")])
    endpoint = await both.endpoint(await both.find("b"), "recorder-1")
    assert isinstance(endpoint, WhepEndpoint)
    assert endpoint.url == "y/b/recorder-1"
    with pytest.raises(StreamNotFound, match="It came from gone, which isn't configured"):
        await both.endpoint(Stream(id="a", discovery="gone"), "recorder-1")


async def test_close_closes_all() -> None:
    shelves = [Shelf("x"), Shelf("y", fails=DOWN), Shelf("z")]
    with pytest.raises(SourceUnreachable):
        await Directory(shelves).close()
    assert all(shelf.closed for shelf in shelves)


LIVEKIT: dict[str, Any] = {
    "livekit_url": "ws://127.0.0.1:7880",
    "livekit_api_key": "key",
    "livekit_api_secret": "secret",
}


def test_from_settings_keeps_the_order() -> None:
    assert Directory.from_settings(Settings(discovery=["demo", "livekit"], **LIVEKIT)).names == [
        "demo",
        "livekit",
    ]
    assert Directory.from_settings(Settings(discovery=["livekit"], **LIVEKIT)).names == ["livekit"]


async def test_from_settings_says_what_is_missing() -> None:
    made = Directory.from_settings(Settings())
    assert made.names == ["demo"]
    with pytest.raises(StreamNotFound) as caught:
        await made.find("my-room")
    for name in LIVEKIT:
        assert f"ORCHESTRATOR_{name.upper()}" in caught.value.detail


async def test_what_is_not_wanted_is_not_missing() -> None:
    with pytest.raises(StreamNotFound) as caught:
        await Directory.from_settings(Settings(discovery=["demo"])).find("my-room")
    assert "LIVEKIT" not in caught.value.detail


async def test_the_demo_address() -> None:
    url = "http://127.0.0.1:1/whep"
    assert Directory.from_settings(Settings(discovery=["demo"], demo_url=url)).demo_url() == url
    assert Directory.from_settings(Settings(discovery=["demo"])).demo_url() is None
    assert Directory.from_settings(Settings(discovery=["livekit"])).demo_url() is None
