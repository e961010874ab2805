"""The catalog's methods, each on a real database."""

from __future__ import annotations

import asyncio
from datetime import timedelta, timezone
from typing import Any

import pytest

from orchestrator.catalog import event_tables
from orchestrator.catalog.models import ACTIVE_STATES
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline.loading import LONGEST_NAME
from orchestrator.errors import AlreadyActive, RecordingNotFound
from orchestrator.recordings import states
from tests.kit.catalog.rows import NOON, recording, sample, segment


async def test_a_recording_comes_back_whole(catalog: Catalog) -> None:
    await catalog.create(recording("a", figures={"restarts": 1}))
    await catalog.close()
    await catalog.open(migrate=False)
    found = await catalog.get("a")
    assert (found.stream_id, found.state, found.wanted) == ("room", "starting", "record")
    assert found.created_at == NOON
    assert found.created_at.tzinfo is not None
    assert found.figures == {"restarts": 1}
    assert found.probe is None


async def test_a_long_format_comes_back_whole(catalog: Catalog) -> None:
    word = "x" * LONGEST_NAME
    await catalog.create(recording("a", output_format=word, pipeline=word))
    found = await catalog.get("a")
    assert (found.output_format, found.pipeline) == (word, word)


async def test_a_created_row_can_be_used_after_the_transaction(catalog: Catalog) -> None:
    row = recording("a")
    await catalog.create(row)
    assert (row.id, row.worker_starts, row.figures) == ("a", 0, {})


async def test_moments_of_any_zone_are_the_same_moment(catalog: Catalog) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5)))
    await catalog.create(recording("a", created_at=elsewhere))
    assert (await catalog.get("a")).created_at == NOON


@pytest.mark.parametrize("state", ACTIVE_STATES)
async def test_one_active_recording_of_a_stream(catalog: Catalog, state: str) -> None:
    await catalog.create(recording("a", state=state))
    with pytest.raises(AlreadyActive, match="Recording already active for room"):
        await catalog.create(recording("b"))
    await catalog.create(recording("c", stream_id="another"))
    assert [row.id for row in await catalog.active()] == ["a", "c"]


@pytest.mark.parametrize("state", sorted(states.FINAL))
async def test_an_ended_recording_makes_place(catalog: Catalog, state: str) -> None:
    await catalog.create(recording("a", state=state))
    await catalog.create(recording("b", created_at=NOON + timedelta(seconds=1)))
    active = await catalog.active_of("room")
    latest = await catalog.latest_of("room")
    assert active is not None
    assert latest is not None
    assert (active.id, latest.id) == ("b", "b")
    with pytest.raises(AlreadyActive, match="for a"):
        await catalog.update("a", state="recording")


async def test_nothing_of_an_unknown_stream(catalog: Catalog) -> None:
    assert await catalog.active_of("room") is None
    assert await catalog.latest_of("room") is None
    assert await catalog.history(limit=10, offset=0) == ([], 0)


def test_the_index_and_the_states_agree() -> None:
    assert set(ACTIVE_STATES) == states.ACTIVE


async def test_of_twenty_starts_at_once_one_wins(catalog: Catalog) -> None:
    rows = [recording(f"{number}") for number in range(20)]
    results = await asyncio.gather(*map(catalog.create, rows), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["AlreadyActive"] * 19 + [
        "NoneType"
    ]


async def test_update_and_want(catalog: Catalog) -> None:
    await catalog.create(recording("a"))
    await catalog.update("a", state="recording", worker_pid=7, figures={"restarts": 2})
    await catalog.want("a", "stop")
    found = await catalog.get("a")
    assert (found.state, found.worker_pid, found.wanted) == ("recording", 7, "stop")
    assert await catalog.wanted("a") == ("stop", None, None)
    assert found.figures == {"restarts": 2}


@pytest.mark.parametrize("columns", [{"stat": 1}, {"id": "b"}, {"stream_id": "b"}, {"metadata": 1}])
async def test_update_refuses_what_is_no_column_to_update(
    catalog: Catalog, columns: dict[str, Any]
) -> None:
    await catalog.create(recording("a"))
    with pytest.raises(TypeError, match="recordings has no column"):
        await catalog.update("a", **columns)


async def test_want_knows_two_words(catalog: Catalog) -> None:
    await catalog.create(recording("a"))
    with pytest.raises(ValueError, match="'pause'"):
        await catalog.want("a", "pause")


async def test_unknown_recordings_are_not_found(catalog: Catalog) -> None:
    for call in (
        catalog.get("x"),
        catalog.update("x", state="failed"),
        catalog.want("x", "stop"),
        catalog.delete("x"),
        catalog.add_event("x", "kind", "message"),
        catalog.add_segment(segment("x", 1)),
        catalog.update_segment("x", 1, outcome="failed"),
        catalog.wanted("x"),
        catalog.report("x", {}, NOON, [sample("x", 0)]),
    ):
        with pytest.raises(RecordingNotFound, match="No recording with id x"):
            await call


async def test_history_is_newest_first_in_pages(catalog: Catalog) -> None:
    for number in range(5):
        at = NOON + timedelta(seconds=number)
        stream_id, state = ("odd", "failed") if number % 2 else ("even", "completed")
        await catalog.create(recording(f"{number}", stream_id, state=state, created_at=at))
    page, total = await catalog.history(limit=2, offset=1)
    assert ([row.id for row in page], total) == (["3", "2"], 5)
    page, total = await catalog.history(limit=9, offset=0, state="failed")
    assert ([row.id for row in page], total) == (["3", "1"], 2)
    page, total = await catalog.history(limit=1, offset=0, stream_id="even", state="completed")
    assert ([row.id for row in page], total) == (["4"], 3)


async def test_segments_in_order(catalog: Catalog) -> None:
    await catalog.create(recording("a"))
    await catalog.add_segment(segment("a", 2))
    await catalog.add_segment(segment("a", 1))
    await catalog.update_segment("a", 2, outcome="killed", offset_s=4.5)
    first, second = await catalog.segments("a")
    assert (first.number, first.outcome) == (1, None)
    assert (second.outcome, second.offset_s) == ("killed", 4.5)
    with pytest.raises(TypeError, match="segments has no column number"):
        await catalog.update_segment("a", 2, number=3)


async def test_events_are_bounded(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_tables, "MAX_EVENTS", 3)
    await catalog.create(recording("a"))
    await catalog.create(recording("b", stream_id="other"))
    await catalog.add_event("b", "kept", "of another recording")
    for number in range(5):
        await catalog.add_event("a", "step", f"step {number}", number=number)
    assert [event.data for event in await catalog.events("a")] == [
        {"number": 2},
        {"number": 3},
        {"number": 4},
    ]
    assert [event.message for event in await catalog.events("a", limit=1)] == ["step 4"]
    assert len(await catalog.events("b")) == 1


async def test_who_follows_the_event_log_misses_nothing(catalog: Catalog) -> None:
    await catalog.create(recording("a"))
    await catalog.create(recording("b", stream_id="other", state="completed"))
    assert await catalog.counts() == {"starting": 1, "completed": 1}
    for number in range(4):
        await catalog.add_event("ab"[number % 2], "step", str(number))
    told, states = await catalog.events_after(0, limit=9)
    assert states == {"a": "starting"}
    assert [line.message for line in told] == ["0", "1", "2", "3"]
    assert [line.message for line in (await catalog.events_after(0, limit=2))[0]] == ["2", "3"]
    last = told[-1].id
    await catalog.delete("b")
    await catalog.add_event("a", "step", "after the newest was deleted")
    (line,), _ = await catalog.events_after(last, limit=9)
    assert line.message == "after the newest was deleted"
    await catalog.check()


async def test_samples_of_the_last_hour(catalog: Catalog) -> None:
    await catalog.create(recording("a"))
    await catalog.report("a", {}, NOON, [sample("a", 0), sample("a", 1)])
    await catalog.report("a", {}, NOON, [sample("a", 3600)])
    assert len(await catalog.samples("a", 10)) == 3
    await catalog.report("a", {"restarts": 1}, NOON, [sample("a", 3600.5)])
    kept = await catalog.samples("a", 10)
    assert [(one.at - NOON).total_seconds() for one in kept] == [1, 3600, 3600.5]
    assert [one.at for one in await catalog.samples("a", 1)] == [kept[-1].at]
    await catalog.report("a", {"restarts": 2}, NOON, [])
    found = await catalog.get("a")
    assert (found.figures, found.figures_at) == ({"restarts": 2}, NOON)


async def test_delete_takes_everything_of_it(catalog: Catalog) -> None:
    await catalog.create(recording("a"))
    await catalog.add_segment(segment("a", 1))
    await catalog.add_event("a", "kind", "message")
    await catalog.report("a", {}, NOON, [sample("a", 0)])
    await catalog.delete("a")
    assert await catalog.segments("a") == []
    assert await catalog.events("a") == []
    assert await catalog.samples("a", 1) == []


async def test_preferences(catalog: Catalog) -> None:
    assert await catalog.preference("output_directory") is None
    await catalog.set_preference("output_directory", "/a")
    await catalog.set_preference("output_directory", "/b")
    assert await catalog.preference("output_directory") == "/b"


async def test_a_cancelled_writer_leaves_the_catalog_usable(catalog: Catalog) -> None:
    await catalog.create(recording("a"))
    for _ in range(20):
        task = asyncio.create_task(catalog.update("a", state="recording"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await catalog.update("a", state="stopping")
    assert (await catalog.get("a")).state == "stopping"


async def test_close_may_be_called_twice(catalog: Catalog) -> None:
    await catalog.close()
    await catalog.close()
    with pytest.raises(RuntimeError, match="isn't open"):
        await catalog.get("a")


@pytest.mark.parametrize("state", ["completed", "failed", "aborted"])
async def test_a_recording_that_has_ended_keeps_no_keys(catalog: Catalog, state: str) -> None:
    await catalog.create(recording("a", state="starting", e2ee="sealed"))
    for active in ("recording", "reconnecting", "stopping"):
        await catalog.update("a", state=active)
        assert (await catalog.get("a")).e2ee == "sealed"
    await catalog.update("a", state=state)
    assert (await catalog.get("a")).e2ee is None
