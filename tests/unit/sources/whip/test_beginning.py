"""When a publisher that has just connected sends in real time."""

from __future__ import annotations

from itertools import count

from orchestrator.media import SECOND_NS
from orchestrator.sources.whip.beginning import SPAN_NS, Pace


def test_one_that_sends_in_real_time_is_believed_soon() -> None:
    pace = Pace()
    for number in count():
        if pace.steady(number * 0.02, number * SECOND_NS // 50):
            break
    assert number * SECOND_NS // 50 == SPAN_NS


def test_a_burst_is_waited_for() -> None:
    """Half a second within a few milliseconds, as ffmpeg's -re begins."""
    pace = Pace()
    for number in range(25):
        assert not pace.steady(number * 0.02, number * 200_000)
    steady = [pace.steady(0.5 + n * 0.02, 5_000_000 + n * SECOND_NS // 50) for n in range(1, 9)]
    assert steady == [False] * 4 + [True] * 4


def test_one_that_catches_up_slowly_is_believed() -> None:
    pace = Pace()
    assert any(pace.steady(n * 0.02 * 1.05, n * SECOND_NS // 50) for n in range(20))


def test_pauses_are_no_burst() -> None:
    pace = Pace()
    assert not pace.steady(0.0, 0)
    assert pace.steady(2.0, 2 * SECOND_NS)
