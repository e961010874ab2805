"""What may be missing, and what is complained of."""

from __future__ import annotations

import pytest

from tests.chaos.verdict import Gap, Struck, allowed_s, blamed, complaint, costly, gaps

pytestmark = pytest.mark.real_time

FPS = 10
KILLED = Struck("ffmpeg killed", "room", 20.0, 20.0)
AWAY = Struck("publisher away", "room", 40.0, 43.0)


def test_gaps_between_frames_and_at_the_end() -> None:
    numbers = [*range(100), *range(140, 200), *range(205, 300)]
    assert gaps(numbers, FPS) == [Gap(10.0, 14.0)], "half a second is the publisher's own"
    assert gaps(numbers, FPS, end_s=32.5)[1:] == [Gap(30.0, 32.5)]
    assert gaps(numbers, FPS, end_s=30.2)[1:] == []


def test_who_is_hit() -> None:
    assert KILLED.hit("room")
    assert not KILLED.hit("other")
    assert Struck("power cut", None, 1, 1).hit("other")


def test_a_server_costs_only_whom_it_has_to_give_a_worker() -> None:
    worker = Struck("worker killed", "room", 10.0, 10.0)
    servers = [Struck("server killed", None, at, at + 2) for at in (5.0, 13.0, 20.0)]
    found = costly([worker, KILLED, *servers], {"server killed"}, "worker killed")
    assert found == [worker, KILLED, servers[1]]


@pytest.mark.parametrize(
    ("gap", "causes"),
    [
        (Gap(19.0, 21.0), [KILLED]),
        (Gap(24.0, 26.0), [KILLED]),
        (Gap(27.0, 30.0), []),
        (Gap(10.0, 19.9), []),
        (Gap(25.0, 41.0), [KILLED, AWAY]),
        (Gap(48.0, 50.0), [AWAY]),
    ],
)
def test_what_a_gap_may_come_of(gap: Gap, causes: list[Struck]) -> None:
    assert blamed(gap, [KILLED, AWAY]) == causes


def test_four_seconds_and_what_was_away() -> None:
    assert allowed_s([KILLED, AWAY]) == 4 + 7
    assert complaint(Gap(19.0, 22.9), [KILLED]) is None
    assert complaint(Gap(40.0, 46.9), [AWAY]) is None
    text = complaint(Gap(40.0, 47.5), [AWAY])
    assert text == "7.5 s are missing from 40.0 s on, after publisher away at 40.0 s"
    assert complaint(Gap(40.0, 47.5), [AWAY], each_s=5) is None
    assert complaint(Gap(60.0, 61.5), [KILLED, AWAY]) is None, "the publisher's own"
    assert "after no fault at all" in str(complaint(Gap(60.0, 62.5), [KILLED, AWAY], each_s=5))


def test_a_stall_may_cost_less_than_other_faults() -> None:
    stalled = Struck("microphone stalled", "room", 20.0, 22.0, may_cost_s=0.3)
    assert complaint(Gap(20.0, 22.2), [stalled], each_s=5) is None
    assert complaint(Gap(20.0, 22.4), [stalled], each_s=5) is not None
    assert allowed_s([stalled, KILLED]) == pytest.approx(2.3 + 4)
