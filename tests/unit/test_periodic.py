"""What is done again and again: its pace, its failures, its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from orchestrator.errors import Unavailable
from orchestrator.periodic import Periodic


class Calls:
    """An action that notes when it begins and ends, and does what it is told in each call."""

    def __init__(self, *doing: Callable[[], Awaitable[object]]) -> None:
        self.began: list[float] = []
        self.ended: list[float] = []
        self._doing = iter(doing)

    async def __call__(self) -> None:
        self.began.append(time.monotonic())
        try:
            if (do := next(self._doing, None)) is not None:
                await do()
        finally:
            self.ended.append(time.monotonic())

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.ended) < count:
                await asyncio.sleep(0.001)


def raising(error: Exception) -> Callable[[], Awaitable[object]]:
    async def fail() -> None:
        raise error

    return fail


async def test_the_next_call_begins_a_period_after_the_last_one_began() -> None:
    calls = Calls()
    periodic = Periodic(calls, 0.02, failure="failed")
    periodic.open()
    await calls.until(4)
    await periodic.close()
    gaps = [b - a for a, b in zip(calls.began, calls.began[1:], strict=False)]
    assert min(gaps) >= 0.019


async def test_long_calls_are_followed_by_half_a_period_and_never_overlap() -> None:
    calls = Calls(*[lambda: asyncio.sleep(0.05)] * 3)
    periodic = Periodic(calls, 0.04, failure="failed")
    periodic.open()
    await calls.until(3)
    await periodic.close()
    pauses = [b - a for a, b in zip(calls.ended, calls.began[1:], strict=False)]
    assert min(pauses) >= 0.019


async def test_the_first_call_may_wait_for_a_period() -> None:
    calls = Calls()
    began = time.monotonic()
    periodic = Periodic(calls, 0.05, failure="failed", at_once=False)
    periodic.open()
    await calls.until(1)
    await periodic.close()
    assert calls.began[0] - began >= 0.049


async def test_a_failure_is_logged_once_and_tried_again() -> None:
    busy, full = Unavailable("busy"), OSError("full")
    good = Calls().__call__
    calls = Calls(*map(raising, [busy, busy, full]), good, *map(raising, [full, ValueError("odd")]))
    periodic = Periodic(calls, 0.001, failure="not done; trying again")
    with capture_logs() as lines:
        periodic.open()
        await calls.until(7)
        await periodic.close()
    assert periodic.failures == 5
    assert {line["event"] for line in lines} == {"not done; trying again"}
    assert [line["error"] for line in lines] == ["busy", "full", "full", "odd"]
    assert [line["log_level"] for line in lines] == ["warning"] * 3 + ["error"]
    assert lines[-1]["exc_info"], "with its traceback, as nobody foresaw it"
    assert not any("exc_info" in line for line in lines[:-1])


async def test_without_a_text_for_failures_an_error_ends_it() -> None:
    calls = Calls(raising(ValueError("odd")))
    with pytest.raises(ValueError, match="odd"):
        await asyncio.wait_for(Periodic(calls, 0.001, failure=None).run(), 20)
    assert len(calls.began) == 1


async def test_what_returns_nothing_to_wait_for_is_called_too() -> None:
    count: list[int] = []
    periodic = Periodic(lambda: count.append(1), 0.001, failure=None)
    periodic.open()
    async with asyncio.timeout(20):
        while len(count) < 3:
            await asyncio.sleep(0.001)
    await periodic.close()


async def test_its_end_cancels_a_call_that_is_running() -> None:
    calls = Calls(lambda: asyncio.sleep(3600))
    periodic = Periodic(calls, 0.001, failure="failed")
    await periodic.close()
    periodic.open()
    async with asyncio.timeout(20):
        while not calls.began:
            await asyncio.sleep(0.001)
    await periodic.close()
    await periodic.close()
    assert (len(calls.began), len(calls.ended), periodic.failures) == (1, 1, 0)
