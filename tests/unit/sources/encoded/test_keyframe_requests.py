"""A keyframe is asked for when it has to be, and never more often."""

from __future__ import annotations

import pytest

from orchestrator.sources.keyframe_requests import (
    ASK_S,
    EAGER_ASK_S,
    EAGER_S,
    PAUSED_S,
    KeyframeRequests,
)
from orchestrator.sources.source import NO_KEYFRAME_S
from tests.kit.clocks import HandClock

STEP_S = 0.01
INTERVAL_S = 4.0


class Stream:
    """Packets that come one by one; each is a frame if `frames`."""

    def __init__(self, interval_s: float | None = INTERVAL_S) -> None:
        self.clock = HandClock()
        self.requests = KeyframeRequests(interval_s, self.clock)
        self.asked: list[float] = []
        self.in_vain: list[float] = []

    def run(self, seconds: float, *, waiting: bool = False) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.clock.now += STEP_S
            if self.requests.due(waiting=waiting):
                self.asked.append(self.clock.now)
            if self.requests.in_vain():
                self.in_vain.append(self.clock.now)
            if not waiting:
                self.requests.accepted(keyframe=False)


def test_while_nothing_can_go_on_it_is_asked_at_once_and_each_half_second() -> None:
    stream = Stream()
    began = stream.clock.now
    stream.run(2, waiting=True)
    assert stream.asked[0] == pytest.approx(began + STEP_S)
    steps = [b - a for a, b in zip(stream.asked, stream.asked[1:], strict=False)]
    assert steps == pytest.approx([ASK_S] * 3, abs=1.5 * STEP_S)
    assert stream.requests.count == len(stream.asked)


def test_once_for_each_interval_without_one() -> None:
    stream = Stream()
    began = stream.clock.now
    stream.run(3 * INTERVAL_S + 1)
    assert stream.asked == pytest.approx(
        [began + n * INTERVAL_S for n in (1, 2, 3)], abs=5 * STEP_S
    )


def test_a_keyframe_that_comes_by_itself_begins_the_interval_anew() -> None:
    stream = Stream()
    for _ in range(5):
        stream.run(INTERVAL_S - 1)
        stream.requests.accepted(keyframe=True)
    assert stream.asked == []
    stream.run(INTERVAL_S + 1)
    assert len(stream.asked) == 1


def test_nothing_is_asked_for_a_video_that_is_paused_nor_when_it_goes_on_with_a_keyframe() -> None:
    stream = Stream()
    stream.requests.accepted(keyframe=True)
    stream.clock.now += 10 * INTERVAL_S
    for _ in range(20):  # the packets of one large keyframe
        stream.clock.now += STEP_S
        assert not stream.requests.due(waiting=False)
    stream.requests.accepted(keyframe=True)
    assert not stream.requests.due(waiting=False)


def test_where_all_is_decoded_no_interval_counts() -> None:
    stream = Stream(None)
    stream.run(60)
    assert stream.asked == []


def test_one_that_is_wanted_is_asked_for_until_it_comes() -> None:
    stream = Stream()
    stream.requests.request()
    stream.run(1.25)
    assert len(stream.asked) == pytest.approx(1.25 / EAGER_ASK_S, abs=1.5)
    asked = list(stream.asked)
    stream.requests.accepted(keyframe=True)
    stream.run(1.2)
    assert stream.asked == asked


def test_an_sfu_that_drops_what_comes_too_soon_has_one_soon_after_that() -> None:
    stream = Stream()
    stream.requests.request()
    stream.run(STEP_S)
    stream.requests.accepted(keyframe=True)
    stream.run(0.3)
    stream.requests.request()
    stream.run(0.5)
    passed_on = [at for at in stream.asked if at - stream.asked[0] >= 0.5]
    assert passed_on[0] - stream.asked[0] < 0.5 + EAGER_ASK_S + STEP_S


def test_whoever_asks_how_often_requests_are_soon_half_a_second_apart() -> None:
    stream = Stream(0.1)
    for _ in range(1000):
        stream.requests.request()
        stream.requests.need()
        stream.run(STEP_S)
    late = [at for at in stream.asked if at - stream.asked[0] > EAGER_S]
    assert len(late) == pytest.approx((10 - EAGER_S) / ASK_S, abs=1.5)
    assert len(stream.asked) - len(late) <= EAGER_S / EAGER_ASK_S + 1


def test_frames_that_need_one_make_it_ask() -> None:
    stream = Stream()
    stream.requests.need()
    stream.run(STEP_S)
    assert len(stream.asked) == 1


def test_after_seconds_without_any_it_says_so_once() -> None:
    stream = Stream()
    began = stream.clock.now
    stream.run(3 * NO_KEYFRAME_S, waiting=True)
    assert stream.in_vain == pytest.approx([began + NO_KEYFRAME_S], abs=3 * STEP_S)
    stream.requests.accepted(keyframe=True)
    stream.run(2 * NO_KEYFRAME_S, waiting=True)
    assert len(stream.in_vain) == 2, "lost again, and not found again"


def test_a_pause_is_no_time_in_which_it_was_not_answered() -> None:
    stream = Stream()
    for _ in range(4):
        stream.run(NO_KEYFRAME_S - 2, waiting=True)
        stream.clock.now += PAUSED_S + 1
    assert stream.in_vain == []


def test_of_a_video_that_nobody_takes_none_is_asked_for() -> None:
    stream = Stream()
    stream.requests.enabled = False
    stream.requests.request()
    stream.run(2 * NO_KEYFRAME_S, waiting=True)
    assert (stream.asked, stream.in_vain) == ([], [])
    stream.requests.enabled = True
    stream.run(STEP_S)
    assert len(stream.asked) == 1
