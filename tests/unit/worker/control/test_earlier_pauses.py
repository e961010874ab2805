"""What a worker knows of the pauses before it: time that was cut out doesn't come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.catalog.store import Catalog
from orchestrator.media import SECOND_NS
from orchestrator.monitor.usage import boot_id
from orchestrator.pausing import PauseMode
from orchestrator.worker.control.earlier_pauses import earlier_rows
from orchestrator.worker.time_origin import earlier_pauses, known_origin_ns
from tests.kit.catalog.rows import recording, segment

NOON = datetime(2024, 12, 1, 12, tzinfo=UTC)


def pause(number: int, mode: str, at_s: float, length_s: float | None) -> Pause:
    ended = None if length_s is None else NOON
    return Pause(
        number=number, mode=mode, began_at=NOON, ended_at=ended, at_s=at_s, length_s=length_s
    )


def test_only_what_was_cut_out_counts_and_the_last_one_may_last() -> None:
    rows = [pause(1, "cut", 10, 2.5), pause(2, "still", 20, 7), pause(3, "cut", 40, None)]
    found = earlier_pauses(rows, 100 * SECOND_NS)
    assert (found.count, found.cut_ns) == (3, 2_500_000_000)
    assert found.opened is not None
    assert (found.opened.number, found.opened.mode) == (3, PauseMode.CUT)
    assert found.opened.begin_ns == (100 + 40) * SECOND_NS + 2_500_000_000
    assert earlier_pauses(rows[:2], 100 * SECOND_NS).opened is None
    assert earlier_pauses([], None).count == 0


def test_zero_itself_stays_where_it_was() -> None:
    row = recording("r1", started_at=NOON, origin_ns=5 * SECOND_NS, origin_boot=boot_id())
    assert known_origin_ns(row, [pause(1, "cut", 10, 2.5)]) == 5 * SECOND_NS


async def pausing(catalog: Catalog, mode: str, end_s: float) -> list[Pause]:
    """What a new worker has: its last one wrote a pause at 10 s, and died a minute later."""
    reported_at = NOON + timedelta(seconds=60)
    await catalog.create(recording("r1", started_at=NOON, figures_at=reported_at))
    lasting = pause(1, mode, 10, None)
    lasting.recording_id = "r1"
    await Pauses(catalog).put(lasting)
    written = segment("r1", 1)
    written.end_s = end_s
    await catalog.add_segment(written)
    return list(await earlier_rows(catalog, await catalog.get("r1")))


async def test_one_that_was_over_when_its_worker_died_has_its_end(catalog: Catalog) -> None:
    (over,) = await pausing(catalog, "cut", 35.0)
    assert over.length_s == 60 - 25, "what is recorded behind it was recorded since"
    assert over.ended_at == NOON + timedelta(seconds=35)
    found = earlier_pauses([over], 100 * SECOND_NS)
    assert (found.opened, found.cut_ns) == (None, 35 * SECOND_NS)
    (kept,) = await Pauses(catalog).of_recording("r1")
    assert (kept.ended_at, kept.length_s) == (over.ended_at, over.length_s)
    assert [event.kind for event in await catalog.events("r1")] == ["resumed"]


@pytest.mark.parametrize(("mode", "end_s"), [("cut", 10.1), ("cut", 9.0), ("still", 35.0)])
async def test_one_that_lasted_when_its_worker_died_lasts(
    catalog: Catalog, mode: str, end_s: float
) -> None:
    (lasting,) = await pausing(catalog, mode, end_s)
    assert (lasting.ended_at, lasting.length_s) == (None, None)
    assert await catalog.events("r1") == []
