"""When the next run starts, when it is given up, and when a run stands still."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.encoding.process.backoff import WINDOW_S, Backoff
from orchestrator.encoding.process.stall import StallDetector


def even(max_restarts: int) -> Backoff:
    return Backoff(max_restarts, chance=lambda: 0.5)


def test_the_first_crash_costs_no_delay_and_the_next_ones_do() -> None:
    backoff = even(20)
    delays = [backoff.failed(at, ran_s=5.0) for at in range(9)]
    assert delays == [0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_a_run_that_never_began_is_waited_for_at_once() -> None:
    backoff = even(20)
    assert [backoff.failed(at, ran_s=0.0) for at in range(3)] == [1, 2, 4]


def test_a_healthy_minute_forgets() -> None:
    backoff = even(20)
    for at in range(4):
        backoff.failed(at, ran_s=0.0)
    assert backoff.failed(100.0, ran_s=61.0) == 0
    assert backoff.failed(101.0, ran_s=0.0) == 1


def test_given_up_after_so_many_within_five_minutes() -> None:
    backoff = even(2)
    assert [backoff.failed(at, ran_s=0.0) is None for at in range(3)] == [False, False, True]


def test_old_failures_do_not_count() -> None:
    backoff = even(1)
    assert backoff.failed(0.0, ran_s=5) is not None
    assert backoff.failed(WINDOW_S + 1, ran_s=5) is not None


def test_no_restart_allowed() -> None:
    assert even(0).failed(0.0, ran_s=100) is None


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_delays_stay_within_their_bounds(ran: list[float]) -> None:
    backoff = Backoff(1000)
    delays = [backoff.failed(at, ran_s=ran_s) for at, ran_s in enumerate(ran)]
    assert all(d is not None and (d == 0 or 0.8 <= d <= 72) for d in delays)


def check(
    watch: StallDetector, now_s: float, moved_s: float, fed: int | None, cpu_s: float
) -> str | None:
    return watch.check(now_s, begun=moved_s > 0, moved_s=moved_s, fed=fed, cpu_s=cpu_s)


def test_nothing_within_the_start_timeout() -> None:
    watch = StallDetector(started_s=100, start_timeout_s=15, stall_s=5)
    assert check(watch, 114.9, 0, 10, 1) is None
    assert "no frame" in str(check(watch, 115, 0, 10, 2))


@pytest.mark.parametrize(
    ("fed", "cpu_per_s", "killed_after"),
    [
        (1000, 0.0, 5),  # fed, and no sign of life
        (None, 0.0, 5),  # nobody says what was fed
        (1000, 0.9, 30),  # fed and busy: perhaps the machine is overloaded
        (0, 0.0, None),  # starved: not its fault
    ],
)
def test_standing_still(fed: int | None, cpu_per_s: float, killed_after: int | None) -> None:
    watch = StallDetector(started_s=0, start_timeout_s=15, stall_s=5)
    assert check(watch, 10, 10, fed and 500, 1) is None
    for second in range(1, 60):
        reason = check(watch, 10 + second, 10, fed, 1 + cpu_per_s * second)
        if reason is not None:
            assert second == killed_after
            return
    assert killed_after is None


def test_a_full_pipe_is_no_hunger() -> None:
    """Halted, it is fed only until the pipe is full; then what waits says that it stands still."""
    watch = StallDetector(started_s=0, start_timeout_s=15, stall_s=4)
    state: dict[str, Any] = {"begun": True, "moved_s": 10.0, "fed": 500, "cpu_s": 1.0}
    assert not any(watch.check(10.0 + n / 2, **state) for n in range(100))
    watch = StallDetector(started_s=0, start_timeout_s=15, stall_s=4)
    seen = [n / 2 for n in range(100) if watch.check(10.0 + n / 2, **state, waiting=True)]
    assert seen[0] == 4


def test_one_frame_a_second_is_no_stall() -> None:
    watch = StallDetector(started_s=0, start_timeout_s=15, stall_s=5)
    assert not any(check(watch, at, at, at * 100, at * 0.001) for at in range(1, 100))
