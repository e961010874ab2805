"""Each failure doubles the wait; who asks us to wait is obeyed."""

from __future__ import annotations

from orchestrator.errors import SourceBusy, SourceError, SourceUnreachable
from orchestrator.server.retry_delay import MOST_S, RetryDelay


def test_waits_double_up_to_a_bound() -> None:
    delay = RetryDelay(20)
    waits = [delay.failed(SourceError("no")) for _ in range(40)]
    assert waits[:5] == [20, 40, 80, 160, 320]
    assert set(waits[5:]) == {MOST_S}


def test_what_the_other_side_asks_for_counts() -> None:
    assert RetryDelay(20).failed(SourceBusy("wait", retry_after_s=1800)) == 1800
    assert RetryDelay(20).failed(SourceBusy("wait", retry_after_s=3)) == 20
    assert RetryDelay(20).failed(SourceBusy("wait")) == 20


def test_an_error_may_be_worth_trying_sooner() -> None:
    delay = RetryDelay(20)
    off = SourceUnreachable("It is off.", retry_within_s=60.0)
    assert [delay.failed(off) for _ in range(4)] == [20, 40, 60, 60]
