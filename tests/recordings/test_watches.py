"""Streams that are waited for: when they are recorded, and when not again. A real catalog."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.errors import (
    AlreadyActive,
    HavenError,
    InvalidRequest,
    NobodyPublishes,
    NotWatched,
    SourceBusy,
    StreamNotFound,
    TooManyWatches,
)
from orchestrator.media import Stream
from orchestrator.recordings import watches
from orchestrator.recordings.limits import Limits
from orchestrator.recordings.request import StartedBy, StartRequest
from orchestrator.recordings.watches import MOST_ASKED, Outlook, Watches
from tests.catalog.rows import recording


@dataclass
class World:
    """Streams that are live because the test says so; recordings are rows, and nothing more."""

    catalog: Catalog
    live_ids: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    """Live, but not in the list."""
    silent: HavenError | None = None
    refuses: HavenError | None = None
    asked: list[str] = field(default_factory=list)
    lists: int = 0
    started: list[StartRequest] = field(default_factory=list)

    async def find(self, id: str) -> Stream:
        self.asked.append(id)
        if self.silent:
            raise self.silent
        if id not in (*self.live_ids, *self.hidden):
            raise StreamNotFound(id)
        return Stream(id, "pumpfun")

    async def live(self, limit: int) -> list[Stream]:
        self.lists += 1
        if self.silent:
            raise self.silent
        return [Stream(id, "pumpfun") for id in self.live_ids[:limit]]

    async def check(self, request: StartRequest) -> None:
        if request.output_format == "avi":
            raise InvalidRequest("Unknown output_format: 'avi'")

    async def start(self, request: StartRequest) -> Recording:
        if self.refuses:
            raise self.refuses
        self.started.append(request)
        row = recording(f"{request.mint_id} {len(self.started)}", request.mint_id)
        await self.catalog.create(row)
        return row

    async def end(self, mint_id: str, **columns: Any) -> None:
        row = await self.catalog.active_of(mint_id)
        assert row is not None
        await self.catalog.update(row.id, **({"state": "completed"} | columns))

    def server(self, period_s: float = 20) -> Watches:
        """A server's, not yet looking by itself."""
        return Watches(self.catalog, self, self.start, self.check, period_s)


@pytest.fixture
def world(catalog: Catalog) -> World:
    return World(catalog)


async def only(made: Watches) -> Outlook:
    (outlook,) = await made.all()
    return outlook


async def test_recorded_each_time_it_goes_live(world: World) -> None:
    made = world.server()
    asked = StartRequest("a", "mp4", video_quality="low", limits=Limits(split_s=60))
    added = await made.add(asked)
    assert (added.looked_at, added.recording, added.error) == (None, None, None)
    await made.round()
    assert (world.started, (await only(made)).looked_at is not None) == ([], True)
    for count in (1, 2):
        world.live_ids = ["a"]
        await made.round()
        await made.round()
        assert len(world.started) == count, "while it runs nothing else begins"
        assert (await only(made)).recording is not None
        world.live_ids = []
        await world.end("a", reason="the room was closed")
        await made.round()
    given = world.started[-1]
    assert given.started_by is StartedBy.WATCH
    assert (given.output_format, given.limits) == (asked.output_format, asked.limits)


async def test_stopped_by_hand_it_is_held_until_it_was_not_live(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a"))
    world.live_ids = ["a"]
    await made.round()
    await made.hold("a")
    await world.end("a", reason="stopped")
    await made.round()
    later = world.server()
    await later.round()
    assert len(world.started) == 1, "nor by the next server"
    assert (await only(later)).watch.held
    world.live_ids = []
    await later.round()
    assert not (await only(later)).watch.held
    world.live_ids = ["a"]
    await later.round()
    assert len(world.started) == 2


async def test_a_server_that_ended_it_takes_it_up_again(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a"))
    world.live_ids = ["a"]
    await made.round()
    await world.end("a", reason="stopped")
    await world.server().round()
    assert len(world.started) == 2


async def test_a_limit_is_for_each_time_it_is_live(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a"))
    world.live_ids = ["a"]
    await made.round()
    await world.end("a", reason="the longest duration of 60 s is reached")
    await made.round()
    await world.server().round()
    assert (len(world.started), (await only(made)).watch.held) == (1, True)


async def test_failures_are_shown_and_tried_again_later(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a"))
    world.silent = SourceBusy("Wait.", retry_after_s=300)
    await made.round()
    shown = await only(made)
    assert (shown.error, shown.next_try_at is not None) == (world.silent, True)
    await made.round()
    assert world.asked == ["a"], "not before that"
    world.silent = None
    made, world.live_ids = world.server(), ["a"]
    world.refuses = NobodyPublishes("Nobody publishes.")
    await made.round()
    assert (await only(made)).error is world.refuses
    world.refuses = None
    await made.round()
    assert world.started == [], "not at once"
    await world.server().round()
    assert len(world.started) == 1


async def test_a_recording_that_failed_is_no_endless_loop(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a"))
    world.live_ids = ["a"]
    await made.round()
    why = {"error_code": "encoding_failed", "error": "ffmpeg ended.", "detail": ""}
    await world.end("a", state="failed", **why)
    await made.round()
    await made.round()
    shown = await only(made)
    assert (len(world.started), shown.error and shown.error.error) == (1, "ffmpeg ended.")


async def test_for_many_one_list_is_asked_for(world: World) -> None:
    made = world.server()
    ids = [f"m{number:02}" for number in range(MOST_ASKED * 3)]
    for id in ids:
        await made.add(StartRequest(id))
    world.live_ids, world.hidden = ids[:15], ids[29:]
    await made.hold(ids[28])
    await made.round()
    assert sorted(each.mint_id for each in world.started) == ids[:15]
    assert (world.lists, len(world.asked)) == (1, MOST_ASKED)
    assert ids[28] in world.asked, "one that is held is asked for first"
    await made.round()
    assert ids[29] in {each.mint_id for each in world.started}, "those not asked for come next"
    assert len(world.asked) <= 2 * MOST_ASKED
    world.silent, world.asked = SourceBusy("Wait."), []
    await made.round()
    assert len(world.asked) <= MOST_ASKED


async def test_cancelled_or_started_by_somebody_else(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a"))
    world.live_ids, world.refuses = ["a"], AlreadyActive("a")
    await made.round()
    assert (await only(made)).error is None
    await made.remove("a")
    world.refuses = None
    await made.round()
    assert (world.started, await made.all()) == ([], [])
    with pytest.raises(NotWatched):
        await made.remove("a")


async def test_what_can_not_be_recorded_is_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidRequest):
        await world.server().add(StartRequest("a", "avi"))
    monkeypatch.setattr(watches, "MOST_WATCHES", 1)
    made = world.server()
    await made.add(StartRequest("a", "mp4"))
    with pytest.raises(TooManyWatches):
        await made.add(StartRequest("b"))
    await made.add(StartRequest("a", "webm"))
    assert (await only(made)).watch.request["output_format"] == "webm"


async def test_it_looks_at_once_when_one_is_added(world: World) -> None:
    made = world.server(period_s=3600)
    made.open()
    world.live_ids = ["a"]
    await made.add(StartRequest("a"))
    async with asyncio.timeout(20):
        while not world.started:
            await asyncio.sleep(0.01)
    await made.close()
