"""What a worker knows of the pauses before it: time that was cut out doesn't come back."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestrator.catalog.pauses.model import Pause
from orchestrator.media import SECOND_NS
from orchestrator.monitor.usage import boot_id
from orchestrator.pausing import PauseMode
from orchestrator.worker.time_origin import earlier_pauses, known_origin_ns
from tests.kit.catalog.rows import recording

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
