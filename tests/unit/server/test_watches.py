"""Streams that are waited for: when they are recorded, and when not again. A real catalog."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import (
    AlreadyActive,
    InvalidRequest,
    NobodyPublishes,
    NotWatched,
    SourceBusy,
    StreamNotFound,
    TooManyWatches,
)
from orchestrator.recordings.limits import Limits
from orchestrator.recordings.start_request import StartedBy, StartRequest
from orchestrator.server.watches import watches
from orchestrator.server.watches.watches import MOST_ASKED
from tests.kit.watching import World, only


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


async def test_an_error_from_before_a_recording_is_not_shown_with_it(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a"))
    world.silent = SourceBusy("Wait.", retry_after_s=300)
    await made.round()
    await world.start(StartRequest("a"))
    shown = await only(made)
    assert shown.recording is not None
    assert (shown.error, shown.next_try_at) == (None, None)


async def test_one_that_only_a_start_finds_absent_waits_and_fails_in_nothing(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a"))
    world.live_ids, world.refuses = ["a"], StreamNotFound("a", "Nobody publishes.")
    await made.round()
    shown = await only(made)
    assert (shown.error, shown.next_try_at) == (None, None)
    world.refuses = None
    await made.round()
    assert world.started == [], "not at once: its server was just asked"
    await world.server().round()
    assert len(world.started) == 1


async def test_streams_that_may_be_live_are_asked_for_one_by_one(world: World) -> None:
    """A list says nothing of those whose server it didn't ask."""
    made = world.server()
    ids = [f"m{number:02}" for number in range(MOST_ASKED * 2)]
    for id in ids:
        await made.add(StartRequest(id))
    world.unknown_ids = ids
    await made.round()
    assert (world.started, len(world.asked)) == ([], MOST_ASKED)


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
    assert sorted(each.stream_id for each in world.started) == ids[:15]
    assert (world.lists, len(world.asked)) == (1, MOST_ASKED)
    assert ids[28] in world.asked, "one that is held is asked for first"
    await made.round()
    assert ids[29] in {each.stream_id for each in world.started}, "those not asked for come next"
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


async def test_keys_are_sealed_in_the_row_and_given_to_each_start(world: World) -> None:
    keys = E2eeKeys.model_validate({"passphrase": "s3cret words"})
    made = world.server()
    added = await made.add(StartRequest("a", e2ee=keys))
    assert "s3cret" not in str(added.watch.request)
    world.live_ids = ["a"]
    await world.server().round()
    assert [each.e2ee for each in world.started] == [keys], "by the next server, too"


async def test_without_the_key_that_unseals_them_it_fails_and_says_so(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a", e2ee=E2eeKeys.model_validate({"passphrase": "s3cret"})))
    world.catalog.path.with_name(f"{world.catalog.path.name}.key").unlink()
    world.live_ids = ["a"]
    await made.round()
    status = await only(made)
    assert world.started == []
    assert status.error is not None
    assert "A secret in the catalog can't be read" in status.error.error


async def test_a_stream_that_was_seen_is_looked_for_at_once_also_after_a_failure(
    world: World,
) -> None:
    made = world.server(3600)
    await made.add(StartRequest("a"))
    world.silent = SourceBusy("The server is busy.")
    await made.round()
    world.silent, world.live_ids = None, ["a"]
    made.look()
    await made.round()
    assert world.started == [], "it failed, and is tried later"
    made.look("a")
    made.look("unknown")
    await made.round()
    assert [each.stream_id for each in world.started] == ["a"]


async def test_nothing_waits_for_a_stream_that_is_watched_no_more(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a"))
    await made.add(StartRequest("b"))
    await made.hold("a")
    await made.remove("b")
    assert world.left == ["a", "b"]
