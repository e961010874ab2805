"""Whether an ffmpeg still works, by its CPU time and its progress."""

from __future__ import annotations

import pytest

from orchestrator.encoding.process.activity import Activity


def test_one_that_uses_no_cpu_time_and_advances_nothing_is_idle() -> None:
    activity = Activity(100.0, 7.0, "frame 1")
    assert activity.idle_s(101.0, 7.0, "frame 1") == 1.0
    assert activity.idle_s(105.0, 7.01, "frame 1") == 5.0, "less than two ticks"


@pytest.mark.parametrize("period_s", [0.1, 0.2, 0.5, 1.0])
def test_how_often_it_is_looked_at_makes_no_difference(period_s: float) -> None:
    """At 3 % of a core it works, at 1 % it doesn't, though each of its ticks is seen."""
    for share, works in ((0.03, True), (0.01, False)):
        activity = Activity(0.0, 0.0)
        times = [n * period_s for n in range(1, round(10 / period_s) + 1)]
        idle = [activity.idle_s(t, int(share * t * 100) / 100) for t in times]
        assert (max(idle) < 2) == works


def test_progress_alone_counts_and_so_does_cpu_time_alone() -> None:
    activity = Activity(0.0, 1.0, 1)
    assert activity.idle_s(50.0, 1.0, 2) == 0.0, "it writes to a slow disk"
    assert activity.idle_s(51.0, 1.9, 2) == 0.0, "it flushes its encoder"
    assert activity.idle_s(53.0, 1.9, 2) == 2.0


def test_of_a_process_that_cannot_be_read_only_progress_counts() -> None:
    activity = Activity(0.0, None, 1)
    assert activity.idle_s(3.0, None, 1) == 3.0
    assert activity.idle_s(4.0, None, 2) == 0.0
