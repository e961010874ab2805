"""Few begin at the same time, in the order they came; nobody waits longer than makes sense."""

from __future__ import annotations

import asyncio
import time

import pytest

from orchestrator.errors import TooManyRecordings
from orchestrator.server.throttle import LEAST_S, StartThrottle


async def test_as_many_as_there_are_places_in_order() -> None:
    throttle, deadline, began = StartThrottle(2), time.monotonic() + 60, list[str]()
    gates = {name: asyncio.Event() for name in "abcd"}

    async def begin(name: str) -> None:
        async with throttle.slot(name, deadline):
            began.append(name)
            await gates[name].wait()

    async def until(count: int) -> None:
        async with asyncio.timeout(20):
            while len(began) < count:
                await asyncio.sleep(0)

    tasks = [asyncio.create_task(begin(name)) for name in "abcd"]
    await until(2)
    assert began == ["a", "b"]
    gates["b"].set()
    await until(3)
    assert began == ["a", "b", "c"]
    tasks[0].cancel()
    await until(4)
    for gate in gates.values():
        gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert began == ["a", "b", "c", "d"]


async def test_who_has_no_turn_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    throttle = StartThrottle(1)
    async with throttle.slot("a", time.monotonic() + 60):
        with pytest.raises(TooManyRecordings, match="b isn't recorded: 1 other") as caught:
            async with throttle.slot("b", time.monotonic() + LEAST_S + 0.05):
                pytest.fail("there is one place only")
        assert caught.value.context["retry_after_s"] > 0
    async with throttle.slot("b", time.monotonic() + 60):
        """Free again."""


async def test_without_time_left_but_a_free_place_it_begins() -> None:
    async with StartThrottle(1).slot("a", time.monotonic()):
        """Late is better than not at all, when nobody is in the way."""
