"""When a call that failed is tried again."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from orchestrator.server.webhooks.schedule import Answer, next_try
from tests.kit.catalog.rows import NOON


def waits(answer: Answer, most: int = 1000) -> list[float]:
    """Seconds between the attempts of a call that always gets this answer."""
    now, found = NOON, list[float]()
    for attempts in range(1, most):
        if (at := next_try(answer, attempts, NOON, now)) is None:
            break
        found.append((at - now).total_seconds())
        now = at
    return found


@pytest.mark.parametrize(
    "answer",
    [Answer(error="no answer"), *(Answer(status, "no") for status in (408, 409, 425, 429, 500))],
)
def test_what_may_pass_is_tried_for_a_day(answer: Answer) -> None:
    found = waits(answer)
    assert 4 <= found[0] <= 6
    assert all(later > earlier for earlier, later in pairwise(found[:9]))
    assert max(found) <= 3600 * 1.2
    assert timedelta(hours=22.8).total_seconds() < sum(found) <= 86_400
    assert 25 < len(found) < 45


@pytest.mark.parametrize(
    "answer",
    [*(Answer(status, "no") for status in (301, 400, 401, 404)), Answer(error="x", refused=True)],
)
def test_what_is_refused_is_tried_five_times(answer: Answer) -> None:
    assert len(waits(answer)) == 4


def test_attempts_of_several_are_not_made_at_the_same_time() -> None:
    assert len({waits(Answer(500, "no"), 3)[0] for _ in range(20)}) > 10


@pytest.mark.parametrize(("asked_s", "least_s"), [(120.0, 120.0), (10**9, 3600.0)])
def test_a_receiver_may_ask_for_time_up_to_an_hour(asked_s: float, least_s: float) -> None:
    at = next_try(Answer(503, "busy", retry_after_s=asked_s), 1, NOON, NOON)
    assert at == NOON + timedelta(seconds=least_s)


def test_what_waited_for_a_day_is_tried_three_times() -> None:
    later = NOON + timedelta(days=3)
    answer = Answer(500, "no")
    assert next_try(answer, 1, NOON, later) is not None
    assert next_try(answer, 2, NOON, later) is not None
    assert next_try(answer, 3, NOON, later) is None
