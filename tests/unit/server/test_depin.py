"""The agent: which recording it begins and which it ends, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.errors import (
    AlreadyActive,
    HavenError,
    NoMedia,
    SourceBusy,
    StreamNotFound,
    WorkerFailed,
)
from orchestrator.media import Stream
from orchestrator.recordings.start_request import StartedBy, StartRequest
from orchestrator.server.depin import CHUNK_S, Depin, Tick
from tests.kit.catalog.rows import recording


@dataclass
class World:
    """Streams that are live, and recordings that run at once."""

    live_now: list[Stream] = field(default_factory=list)
    failures: dict[str, HavenError] = field(default_factory=dict)
    rows: dict[str, Recording] = field(default_factory=dict)
    did: list[str] = field(default_factory=list)
    requests: list[StartRequest] = field(default_factory=list)
    refuses: dict[str, HavenError] = field(default_factory=dict)
    """Why a stream can't be started, or stopped."""

    async def live(self, limit: int) -> list[Stream]:
        return self.live_now[:limit]

    async def active(self) -> list[Recording]:
        return list(self.rows.values())

    async def start(self, request: StartRequest) -> Recording:
        if error := self.refuses.get(request.stream_id):
            raise error
        self.requests.append(request)
        self.did.append(f"start {request.stream_id}")
        return self.add(request.stream_id, request.started_by)

    async def stop(self, stream_id: str) -> Recording:
        if error := self.refuses.get(stream_id):
            raise error
        self.did.append(f"stop {stream_id}")
        return self.rows.pop(stream_id)

    def add(self, stream_id: str, started_by: StartedBy, state: str = "recording") -> Recording:
        row = recording(f"id of {stream_id}", stream_id, started_by=started_by.value, state=state)
        self.rows[stream_id] = row
        return row

    async def tick(self) -> Tick:
        """By an agent that knows only what stands in the rows: it may be the next server's."""
        return await Depin(self, self.active, self.start, self.stop).tick()


@pytest.fixture
def world() -> World:
    return World([Stream("top", "pumpfun", name="Top", num_participants=90)])


def running(tick: Tick) -> str | None:
    return tick.current.stream_id if tick.current else None


async def test_the_most_watched_stream_is_recorded_in_files_of_a_minute(world: World) -> None:
    first = await world.tick()
    assert (first.actions, running(first), first.error) == (["Started top"], "top", None)
    (request,) = world.requests
    assert (request.limits.split_s, request.output_format) == (CHUNK_S, "webm")
    assert request.started_by is StartedBy.DEPIN
    second = await world.tick()
    assert (second.actions, running(second)) == ([], "top")
    assert second.message == "Recording Top (90 participants)."
    assert world.did == ["start top"]


async def test_the_next_one_begins_before_the_old_one_is_stopped(world: World) -> None:
    world.add("old", StartedBy.DEPIN)
    world.add("mine", StartedBy.USER)
    world.add("waited for", StartedBy.WATCH)
    tick = await world.tick()
    assert world.did == ["start top", "stop old"]
    assert tick.actions == ["Started top", "Stopped old"]
    assert set(world.rows) == {"top", "mine", "waited for"}


async def test_one_that_can_not_begin_leaves_the_old_one_running(world: World) -> None:
    world.add("old", StartedBy.DEPIN)
    world.refuses["top"] = NoMedia("No frame came.", "Look at it.")
    tick = await world.tick()
    assert (tick.error, running(tick), tick.actions) == (world.refuses["top"], "old", [])
    assert tick.message == "Failed to record top: No frame came. Look at it."
    assert tick.top == world.live_now[0]
    assert world.did == []
    del world.refuses["top"]
    await world.tick()
    assert world.did == ["start top", "stop old"]


async def test_somebody_elses_recording_of_the_top_is_the_one(world: World) -> None:
    world.add("old", StartedBy.DEPIN)
    world.add("top", StartedBy.USER)
    tick = await world.tick()
    assert (world.did, running(tick)) == (["stop old"], "top")
    world.live_now = [Stream("next", "pumpfun")]
    await world.tick()
    assert world.did[1:] == ["start next"], "what a user started is left"


async def test_a_file_that_is_being_finished_is_waited_for(world: World) -> None:
    world.add("top", StartedBy.DEPIN, "stopping")
    tick = await world.tick()
    assert (world.did, running(tick), tick.error) == ([], None, None)
    assert "is being finished" in tick.message


async def test_a_stop_that_fails_is_tried_again(world: World) -> None:
    world.add("old", StartedBy.DEPIN)
    world.refuses["old"] = WorkerFailed("Not yet final.")
    tick = await world.tick()
    assert (tick.actions, tick.error) == (["Started top"], None)
    assert "old could not be stopped: Not yet final." in tick.message
    world.refuses.clear()
    assert (await world.tick()).actions == ["Stopped old"]


async def test_nobody_streams(world: World) -> None:
    world.live_now = []
    tick = await world.tick()
    assert (tick.message, tick.top, tick.error) == ("No live streams found.", None, None)
    world.failures["pumpfun"] = SourceBusy("Wait.", "So long.", retry_after_s=30)
    tick = await world.tick()
    assert tick.error is world.failures["pumpfun"]
    assert tick.message == "No streams were listed: Wait. So long."


@pytest.mark.parametrize("error", [StreamNotFound("top"), AlreadyActive("top")])
async def test_whatever_keeps_it_from_beginning_is_reported(
    world: World, error: HavenError
) -> None:
    world.refuses["top"] = error
    assert (await world.tick()).error is error
