"""The speaker hold: the stage changes at most once in a while, and never shows who is gone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.layouts.speaker_hold import Held, hold

EVERYBODY = frozenset("abc")


def run(steps: list[tuple[float, str | None]], hold_s: float) -> list[str | None]:
    held, stages = Held(), []
    for now_s, wanted in steps:
        held = hold(held, wanted, EVERYBODY, now_s, hold_s)
        stages.append(held.identity)
    return stages


FLICKER: list[tuple[float, str | None]] = [
    *((0.0, "a"), (0.4, "b"), (0.8, "a"), (1.2, "b"), (1.6, "b"), (2.0, "a"), (3.2, "a"))
]


def test_without_a_hold_each_change_is_followed() -> None:
    assert run(FLICKER, 0.0) == ["a", "b", "a", "b", "b", "a", "a"]


def test_with_a_hold_the_stage_stays() -> None:
    assert run(FLICKER, 1.5) == ["a", "a", "a", "a", "b", "b", "a"]


def test_who_waits_is_due_when_the_hold_is_over() -> None:
    held = hold(Held("a", 10.0), "b", EVERYBODY, 11.0, 1.5)
    assert held == Held("a", 10.0, due_s=11.5)
    assert hold(held, "b", EVERYBODY, 11.5, 1.5) == Held("b", 11.5)
    assert hold(held, "a", EVERYBODY, 11.2, 1.5) == Held("a", 10.0)


def test_who_leaves_is_replaced_at_once() -> None:
    assert hold(Held("a", 10.0), "b", {"b"}, 10.1, 1.5) == Held("b", 10.1)
    assert hold(Held("a", 10.0), None, (), 10.1, 1.5) == Held(None, 10.1)


def test_a_clock_that_goes_backwards_holds_nobody_for_longer() -> None:
    held = hold(Held("a", 100.0), "b", EVERYBODY, 5.0, 1.5)
    assert held == Held("a", 5.0, due_s=6.5)


@pytest.mark.parametrize("hold_s", [0.0, 0.5, 1.5])
@given(data=st.data())
def test_changes_lie_apart_and_nobody_waits_for_longer(hold_s: float, data: st.DataObject) -> None:
    names = st.sampled_from(["a", "b", "c"])
    gaps = data.draw(st.lists(st.tuples(st.floats(0, 2), names), min_size=1, max_size=40))
    now_s, held, changes = 0.0, Held(), []
    for gap_s, wanted in gaps:
        now_s += gap_s
        before = held
        held = hold(held, wanted, EVERYBODY, now_s, hold_s)
        if held.identity != before.identity:
            changes.append(now_s)
        else:
            assert held.identity == wanted or now_s < held.since_s + hold_s
        assert (held.due_s is None) == (held.identity == wanted)
    assert all(b - a >= hold_s - 1e-9 for a, b in pairwise(changes))
