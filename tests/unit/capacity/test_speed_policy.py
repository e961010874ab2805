"""When an encoder goes faster and when it may go back."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.capacity.speed_policy import (
    CALM_S,
    DAY_S,
    LONGEST_CALM_S,
    MOST_RETURNS,
    RELAPSE_S,
    SETTLE_S,
    EncoderSample,
    SpeedPolicy,
)

COSTS = (1.0, 0.7, 0.4)


def behind(now_s: float) -> EncoderSample:
    return EncoderSample(now_s, filled=0.3, speed=0.7, idle_cores=0.0)


def calm(now_s: float, idle_cores: float = 2.0) -> EncoderSample:
    return EncoderSample(now_s, filled=0.0, speed=1.0, idle_cores=idle_cores)


def until_slower(policy: SpeedPolicy, from_s: float) -> float:
    """How long it takes, in seconds, with all well from then on."""
    step = policy.step
    for passed_s in range(int(2 * LONGEST_CALM_S)):
        policy.update(calm(from_s + passed_s))
        if policy.step < step:
            return passed_s
    raise AssertionError("it never went back")


def test_it_goes_faster_at_once_and_then_gives_the_step_time() -> None:
    policy = SpeedPolicy(0, COSTS)
    reason = policy.update(behind(10.0))
    assert reason == "encoding at 0.70 of real time, 30% of the queue is full"
    assert policy.step == 1
    assert policy.update(behind(10.0 + SETTLE_S - 0.1)) is None
    assert policy.update(behind(10.0 + SETTLE_S)) is not None
    assert policy.step == 2
    assert policy.update(behind(60.0)) is None, "there is no faster one"


def test_neither_a_full_queue_nor_a_slow_encoder_alone_is_falling_behind() -> None:
    policy = SpeedPolicy(0, COSTS)
    catches_up = EncoderSample(1.0, filled=0.9, speed=1.2, idle_cores=0.0)
    begins = EncoderSample(2.0, filled=0.9, speed=None, idle_cores=0.0)
    starved = EncoderSample(3.0, filled=0.0, speed=0.5, idle_cores=0.0)
    assert [policy.update(update) for update in (catches_up, begins, starved)] == [None] * 3


def test_back_after_a_long_calm_and_never_below_what_there_is_room_for() -> None:
    policy = SpeedPolicy(1, COSTS)
    policy.update(behind(0.0))
    assert policy.step == 2
    assert until_slower(policy, SETTLE_S) == CALM_S
    assert policy.step == 1
    for now_s in range(100, 1000):
        assert policy.update(calm(now_s)) is None


def test_while_cores_are_idle_it_gets_another_thread_first() -> None:
    policy = SpeedPolicy(0, COSTS, (2, 1, 1), 3)
    assert policy.threads == 2
    idle = EncoderSample(10.0, filled=0.3, speed=0.7, idle_cores=1.5)
    reason = policy.update(idle)
    assert reason is not None
    assert reason.endswith("1.5 cores are idle: one more thread")
    assert (policy.step, policy.threads) == (0, 3)
    policy.update(replace(idle, now_s=20.0))
    assert (policy.step, policy.threads) == (1, 2), "it didn't help"
    few = SpeedPolicy(0, COSTS, (2, 1, 1), 2)
    few.update(idle)
    assert (few.step, few.threads) == (1, 1), "there are no more than two"
    busy = SpeedPolicy(0, COSTS, (1, 1, 1), 9)
    busy.update(behind(10.0))
    assert (busy.step, busy.threads) == (1, 1), "it is the machine that can't keep up"
    assert SpeedPolicy(0, COSTS).threads == 0, "others decide"


def test_room_for_others_is_made_at_once_and_taken_back_after_a_calm() -> None:
    policy = SpeedPolicy(0, COSTS)
    assert not policy.content(0.0), "there is no slower step"
    assert policy.allow(0, 1.0) is None
    assert policy.allow(2, 2.0) == "another recording needs the CPU"
    assert (policy.step, policy.content(2.0)) == (2, True)
    assert policy.allow(9, 3.0) is None, "there are three steps"
    assert policy.allow(1, 4.0) is None
    assert not policy.content(4.0), "it may take a slower one already"
    assert until_slower(policy, 4 + SETTLE_S) == CALM_S
    assert (policy.step, policy.content(99.0)) == (1, True)


def test_calm_needs_room_for_the_slower_step() -> None:
    policy = SpeedPolicy(0, COSTS)
    policy.update(behind(0.0))
    for now_s in range(10, 200):
        assert policy.update(calm(now_s, idle_cores=0.29)) is None
    assert until_slower(policy, 200) == CALM_S


def test_a_return_that_did_not_hold_makes_the_next_one_wait_longer() -> None:
    policy, now_s, waits = SpeedPolicy(1, COSTS), 0.0, []
    for _ in range(9):
        policy.update(behind(now_s))
        waits.append(until_slower(policy, now_s + SETTLE_S))
        now_s += SETTLE_S + waits[-1] + RELAPSE_S - 1
    assert waits[:4] == [30, 60, 120, 240]
    assert waits[-1] == LONGEST_CALM_S


def test_so_many_returns_a_day_and_always_faster_when_it_has_to() -> None:
    policy, now_s, returns = SpeedPolicy(1, COSTS), 0.0, 0
    while now_s < DAY_S:
        policy.update(behind(now_s))
        assert policy.step == 2, "however often it returned"
        now_s += RELAPSE_S + SETTLE_S
        waited_s = 0
        while policy.step == 2 and waited_s < 100:
            policy.update(calm(now_s + waited_s))
            waited_s += 1
        returns += policy.step == 1
        now_s += RELAPSE_S + waited_s
    assert returns == MOST_RETURNS
    assert until_slower(policy, 2 * DAY_S) <= CALM_S, "the next day it may again"


@given(
    st.lists(st.tuples(st.floats(0, 1), st.none() | st.floats(0, 3), st.floats(0, 4)), min_size=1),
    st.integers(1, 64),
)
def test_whatever_happens_steps_and_changes_stay_within_bounds(
    looks: list[tuple[float, float | None, float]], most_threads: int
) -> None:
    policy, changes = SpeedPolicy(1, COSTS, (3, 2, 1), most_threads), 0
    for second, (filled, speed, idle) in enumerate(itertools.islice(itertools.cycle(looks), 500)):
        before = (policy.step, policy.threads)
        changed = policy.update(EncoderSample(20.0 * second, filled, speed, idle)) is not None
        assert changed is ((policy.step, policy.threads) != before)
        assert abs(policy.step - before[0]) <= 1
        assert 1 <= policy.step <= 2
        assert 1 <= policy.threads <= min(3, most_threads)
        changes += changed
    assert changes <= 2 * MOST_RETURNS + 2
    for second in (10_001, 10_002):
        policy.update(behind(20.0 * second))
    assert policy.step == 2, "who is behind for long ends at the fastest step"
