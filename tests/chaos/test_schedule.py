"""The schedule: the same for the same seed, within its bounds, and all kinds in turn."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.schedule import CALM_S, OF_ONE, OUTAGE_S, PAUSE_S, Kind, plan

pytestmark = pytest.mark.real_time


@given(st.integers(0, 10**6), st.floats(20, 1000), st.integers(1, 8))
def test_within_its_bounds(seed: int, seconds: float, recordings: int) -> None:
    faults = plan(seed, seconds=seconds, recordings=recordings)
    assert faults == plan(seed, seconds=seconds, recordings=recordings)
    for fault in faults:
        assert fault.at_s < seconds - CALM_S
        assert OUTAGE_S[0] <= fault.lasts_s <= OUTAGE_S[1]
        assert (fault.who is not None) == (fault.kind in OF_ONE)
        assert fault.who is None or 0 <= fault.who < recordings
    pauses = [b.at_s - a.at_s for a, b in pairwise(faults)]
    assert all(PAUSE_S[0] <= pause <= PAUSE_S[1] + 1e-9 for pause in pauses)


def test_each_kind_once_before_one_comes_again() -> None:
    kinds = [fault.kind for fault in plan(7, seconds=600, recordings=4)]
    assert len(kinds) > 2 * len(Kind)
    assert set(kinds[: len(Kind)]) == set(kinds[len(Kind) : 2 * len(Kind)]) == set(Kind)


def test_another_seed_is_another_run() -> None:
    assert plan(1, seconds=600, recordings=4) != plan(2, seconds=600, recordings=4)
