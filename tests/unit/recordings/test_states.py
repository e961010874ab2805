"""The table of states is whole, and the catalog's index knows the same active ones."""

from __future__ import annotations

import asyncio
from unittest.mock import Mock

from orchestrator.catalog.models import ACTIVE_STATES
from orchestrator.catalog.store import Catalog
from orchestrator.recordings.states import ACTIVE, CAPTURING, FINAL, TRANSITIONS, RecordingState
from orchestrator.worker.catalog_entry import CatalogEntry
from tests.kit.catalog.rows import recording


def test_every_state_has_its_row_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(RecordingState)
    reached = {RecordingState.STARTING}
    while new := {after for state in reached for after in TRANSITIONS[state]} - reached:
        reached |= new
    assert reached == set(RecordingState)


def test_what_is_final_stays_so() -> None:
    assert all(not TRANSITIONS[state] for state in FINAL)
    assert set(RecordingState) == ACTIVE | FINAL
    assert not ACTIVE & FINAL
    assert CAPTURING < ACTIVE


def test_the_unique_index_covers_the_active_states() -> None:
    assert set(ACTIVE_STATES) == {state.value for state in ACTIVE}


async def test_a_change_that_the_table_lacks_is_refused(catalog: Catalog) -> None:
    row = recording("r1", state="starting")
    await catalog.create(row)
    entry = CatalogEntry(row, catalog)
    await entry.change_state(RecordingState.COMPLETED, size_bytes=1)
    assert entry.state is RecordingState.STARTING
    await entry.change_state(RecordingState.FAILED, error="it went wrong")
    found = await catalog.get("r1")
    assert (found.state, found.error, found.size_bytes) == ("failed", "it went wrong", None)


async def test_the_ledger_sees_a_wanted_end_and_writes_its_notes(catalog: Catalog) -> None:
    row = recording("r1", state="recording")
    await catalog.create(row)
    entry, stopped, steps = CatalogEntry(row, catalog), asyncio.Event(), list[int | None]()
    pauses = list[str | None]()
    async with entry.opened(on_stop=stopped.set, on_reserved=steps.append, on_pause=pauses.append):
        await catalog.update("r1", wanted="stop", speed_step=2, pause="cut")
        entry.look()
        entry.note("test", "a line")
        await asyncio.wait_for(stopped.wait(), 5)
    assert [e.message for e in await catalog.events("r1")] == ["a line"]
    assert pauses[-1] == "cut"
    assert (steps[-1], row.speed_step) == (2, None), "it is reported, and no row changes"


async def test_a_worker_that_takes_over_says_what_it_ends(catalog: Catalog) -> None:
    """Its first change back ends what the death of the worker before began, later ones do not."""
    row = recording("r1", state="reconnecting", worker_starts=2)
    await catalog.create(row)
    entry, unused = CatalogEntry(row, catalog), Mock()
    async with entry.opened(on_stop=unused, on_reserved=unused, on_pause=unused):
        for state in ("recording", "reconnecting", "recording"):
            await entry.change_state(RecordingState(state))
    causes = [event.data.get("cause") for event in await catalog.events("r1")]
    assert causes == ["worker", None, None]


async def test_only_one_server_may_start_the_next_worker(catalog: Catalog) -> None:
    await catalog.create(recording("r1", state="starting"))
    claims = await asyncio.gather(*(catalog.claim("r1", 0) for _ in range(5)))
    assert sorted(claims) == [False] * 4 + [True]
    assert await catalog.claim("r1", 1)
    assert (await catalog.get("r1")).worker_starts == 2
