"""When packets of fragments are due."""

from __future__ import annotations

from itertools import pairwise

import pytest

from orchestrator.worker.outputs.push.pacing import MARGIN_S, Pacing


def test_a_fragment_is_spread_over_its_length() -> None:
    pacing = Pacing()
    pacing.piece_came(5.0, 1.0, now_s=100.0)
    assert pacing.wait_s(5.0, 100.0) == 0
    assert pacing.wait_s(5.5, 100.1) == pytest.approx(0.4)


def test_what_comes_late_moves_what_follows() -> None:
    pacing = Pacing()
    pacing.piece_came(0.0, 1.0, now_s=0.0)
    pacing.piece_came(1.0, 1.0, now_s=1.3)
    assert pacing.wait_s(1.5, 1.3) == pytest.approx(0.5)


def test_what_comes_early_is_sent_a_little_faster_until_the_margin() -> None:
    pacing = Pacing()
    pacing.piece_came(0.0, 1.0, now_s=1.0)
    early = []
    for number in range(1, 60):
        begin = float(number)
        pacing.piece_came(begin, 1.0, now_s=begin)
        early.append(pacing.wait_s(begin, begin))
    assert early[0] == pytest.approx(0.9)
    assert all(0 <= a - b <= 0.1001 for a, b in pairwise(early))
    assert early[-1] == pytest.approx(MARGIN_S)


def test_behind_a_jump_the_next_is_due_at_once() -> None:
    pacing = Pacing()
    pacing.piece_came(0.0, 1.0, now_s=0.0)
    pacing.jump()
    assert pacing.wait_s(60.0, 1.0) == 0
    pacing.piece_came(60.0, 1.0, now_s=1.0)
    assert pacing.wait_s(60.5, 1.0) == pytest.approx(0.5)


def test_behind_a_gap_it_goes_at_once_though_what_ended_before_came_late() -> None:
    pacing = Pacing()
    pacing.piece_came(4.0, 1.0, now_s=105.1)
    # Paused from 5.6 s to 9.7 s: that fragment is whole when the next one begins.
    pacing.piece_came(5.0, 0.6, now_s=109.8)
    assert pacing.wait_s(5.0, 109.8) == 0
    pacing.piece_came(9.7, 1.0, now_s=110.7)
    assert pacing.wait_s(9.7, 110.7) == 0
    assert pacing.wait_s(10.65, 110.7) == pytest.approx(0.95)
