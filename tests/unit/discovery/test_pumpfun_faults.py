"""How pump.fun as a directory fails: soon, with the reason, and without asking too often."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from orchestrator.discovery.pumpfun.client import PAUSES_S
from orchestrator.discovery.pumpfun.discovery import PumpFunDiscovery
from orchestrator.errors import (
    HavenError,
    SourceBusy,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceUnreachable,
)
from orchestrator.media import Stream
from orchestrator.retry_after_header import retry_after_s
from tests.kit.pumpfun import JOIN, LIST, LIVESTREAM, Fault, PumpFun, coin, mint_of

pytestmark = pytest.mark.slow

MINT = mint_of(1)
STREAM = Stream(MINT, "pumpfun")
ANSWERED_S = 5.0
"""Whatever happens, whoever asked has an answer by then."""

Question = Callable[[PumpFunDiscovery], Awaitable[object]]
QUESTIONS: dict[str, Question] = {
    LIST: lambda discovery: discovery.live(20),
    LIVESTREAM: lambda discovery: discovery.find(MINT),
    JOIN: lambda discovery: discovery.endpoint(STREAM, "recorder"),
}


async def failure_of(entry: Awaitable[object]) -> HavenError:
    """How a question fails, which has to be soon, and with advice."""
    with pytest.raises(HavenError) as caught:
        async with asyncio.timeout(ANSWERED_S):
            await entry
    assert caught.value.detail
    assert len(str(caught.value)) < 600
    return caught.value


TOLD: dict[Fault, tuple[type[HavenError], str]] = {
    Fault.SLOW: (SourceUnreachable, "no answer in time"),
    Fault.FORBIDDEN: (SourceRefused, r"refuses to answer \(HTTP 403: .*Forbidden"),
    Fault.LIMITED: (SourceBusy, "asks us to wait"),
    Fault.BROKEN: (SourceError, r"fails \(HTTP 500\)"),
    Fault.HUNG_UP: (SourceUnreachable, "disconnected"),
    Fault.MOVED: (SourceError, "redirects us .*http://127.0.0.1:9/elsewhere"),
    Fault.MOVED_NOWHERE: (SourceUnreachable, "not allowed"),
    Fault.GARBAGE: (SourceGarbled, "it is no JSON"),
    Fault.WRONG_TYPES: (SourceGarbled, "can't be understood"),
    Fault.HUGE: (SourceGarbled, "larger than 16 MiB"),
}
PASSING = {
    Fault.SLOW,
    Fault.FORBIDDEN,
    Fault.LIMITED,
    Fault.BROKEN,
    Fault.HUNG_UP,
    Fault.MOVED_NOWHERE,
}


def test_every_fault_is_tried() -> None:
    assert TOLD.keys() == set(Fault)


@pytest.mark.parametrize("fault", Fault)
async def test_each_fault_is_reported_in_time(
    fault: Fault, discovery: PumpFunDiscovery, stand_in: PumpFun
) -> None:
    stand_in.fail(fault)
    kind, words = TOLD[fault]
    questions = QUESTIONS.values()
    for error in await asyncio.gather(*(failure_of(ask(discovery)) for ask in questions)):
        assert type(error) is kind
        assert re.search(words, error.error)
        assert str(error).isprintable()
    tries = len(PAUSES_S) + 1 if fault in PASSING else 1
    assert all(1 <= stand_in.count(path) <= tries for path in QUESTIONS)


@pytest.mark.parametrize("fault", sorted(PASSING))
async def test_a_fault_that_passes_is_not_noticed(
    fault: Fault, discovery: PumpFunDiscovery, stand_in: PumpFun
) -> None:
    stand_in.fail(fault, times=1)
    async with asyncio.timeout(ANSWERED_S):
        assert all(await asyncio.gather(*(ask(discovery) for ask in QUESTIONS.values())))
    assert all(stand_in.count(path) > 1 for path in QUESTIONS)


async def test_down(discovery: PumpFunDiscovery, stand_in: PumpFun) -> None:
    await stand_in.stop()
    questions = QUESTIONS.values()
    for error in await asyncio.gather(*(failure_of(ask(discovery)) for ask in questions)):
        assert isinstance(error, SourceUnreachable)
        assert "can't be reached" in error.error
    await stand_in.start()
    await discovery.endpoint(STREAM, "recorder")


async def test_a_failure_is_not_asked_for_again_at_once(
    discovery: PumpFunDiscovery, stand_in: PumpFun
) -> None:
    stand_in.fail(Fault.GARBAGE, LIST)
    for _ in range(20):
        assert isinstance(await failure_of(discovery.live(5)), SourceGarbled)
    assert stand_in.count(LIST) == 1


async def test_who_says_when_is_not_asked_before(
    discovery: PumpFunDiscovery, stand_in: PumpFun
) -> None:
    stand_in.fail(Fault.LIMITED)
    stand_in.retry_after = "60"
    error = await failure_of(discovery.find(MINT))
    assert isinstance(error, SourceBusy)
    assert 30 < error.context["retry_after_s"] <= 60
    assert "s; it gets no request before that" in error.detail
    stand_in.recover()
    for entry in QUESTIONS.values():
        assert isinstance(await failure_of(entry(discovery)), SourceBusy)
    assert len(stand_in.asked) == 1


async def test_a_short_wait_is_waited_for_by_all(
    discovery: PumpFunDiscovery, stand_in: PumpFun
) -> None:
    stand_in.fail(Fault.LIMITED, JOIN, times=1)
    stand_in.retry_after = "1"
    began = time.monotonic()
    async with asyncio.timeout(ANSWERED_S):
        await discovery.endpoint(STREAM, "recorder")
    assert time.monotonic() - began > 0.99
    assert stand_in.count(JOIN) == 2


@pytest.mark.parametrize(
    ("header", "wait_s"), [(None, None), ("7", 7), (" 7 ", 7), ("soon", None), ("-1", None)]
)
def test_when_to_ask_again(header: str | None, wait_s: float | None) -> None:
    assert retry_after_s(header) == wait_s


def test_a_date_when_to_ask_again() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=100)
    assert retry_after_s(format_datetime(soon, usegmt=True)) == pytest.approx(100, abs=30)
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0


async def test_a_wrong_address_is_reported(stand_in: PumpFun) -> None:
    discovery = PumpFunDiscovery(f"{stand_in.url}/v9", stand_in.url, stand_in.livekit_url)
    with pytest.raises(SourceError, match="HTTP 404") as caught:
        await discovery.live(5)
    assert "ORCHESTRATOR_PUMPFUN_API_URL" in caught.value.detail
    await discovery.close()


async def test_a_recording_needs_no_list(discovery: PumpFunDiscovery, stand_in: PumpFun) -> None:
    stand_in.fail(Fault.SLOW, LIST)
    async with asyncio.timeout(ANSWERED_S):
        found = await discovery.find(MINT)
    assert found is not None
    assert found.name == "Streaming now"


@pytest.mark.parametrize("fault", [Fault.GARBAGE, Fault.WRONG_TYPES])
async def test_the_list_stands_in_for_a_livestream_that_is_not_understood(
    fault: Fault, discovery: PumpFunDiscovery, stand_in: PumpFun
) -> None:
    stand_in.coins.append(coin(3, is_currently_live=False))
    stand_in.fail(fault, LIVESTREAM)
    found = await discovery.find(MINT)
    assert found is not None
    assert found.name == "Coin 1"
    for mint in (mint_of(2), mint_of(3)):
        with pytest.raises(SourceGarbled):
            await discovery.find(mint)


async def test_a_list_that_breaks_off_gives_what_came(
    discovery: PumpFunDiscovery, stand_in: PumpFun
) -> None:
    stand_in.coins = [coin(number) for number in range(100)]
    stand_in.breaks_off_at = 60
    assert len(await discovery.live(1000)) == 60


async def test_close_ends_what_is_under_way(stand_in: PumpFun) -> None:
    discovery = PumpFunDiscovery(stand_in.url, stand_in.url, stand_in.livekit_url)
    stand_in.fail(Fault.SLOW)
    asking = asyncio.create_task(discovery.live(5))
    while not stand_in.asked:
        await asyncio.sleep(0.01)
    await discovery.close()
    await asyncio.gather(asking, return_exceptions=True)
    assert asking.done()
