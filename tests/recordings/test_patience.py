"""Each failure doubles the wait; who asks us to wait is obeyed."""

from __future__ import annotations

from orchestrator.errors import SourceBusy, SourceError
from orchestrator.recordings.patience import MOST_S, Patience


def test_waits_double_up_to_a_bound() -> None:
    patience = Patience(20)
    waits = [patience.failed(SourceError("no")) for _ in range(40)]
    assert waits[:5] == [20, 40, 80, 160, 320]
    assert set(waits[5:]) == {MOST_S}


def test_what_the_other_side_asks_for_counts() -> None:
    assert Patience(20).failed(SourceBusy("wait", retry_after_s=1800)) == 1800
    assert Patience(20).failed(SourceBusy("wait", retry_after_s=3)) == 20
    assert Patience(20).failed(SourceBusy("wait")) == 20
