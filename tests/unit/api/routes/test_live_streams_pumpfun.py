"""/api/live with pump.fun's stand-in behind it: what it has, and what is said while it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from orchestrator.discovery.directory import Directory
from orchestrator.settings import Settings
from tests.kit.api.memory import MemoryManager
from tests.kit.pumpfun import Fault, PumpFun, coin, mint_of, pumpfun
from tests.unit.api.routes.test_live_streams import FIELDS

pytestmark = pytest.mark.slow


@pytest.fixture
async def stand_in(manager: MemoryManager) -> AsyncIterator[PumpFun]:
    """pump.fun as the only directory, with a coin of every kind."""
    async with pumpfun() as running:
        running.coins.append(coin(2, name=None, num_participants=5, usd_market_cap="much"))
        directory = Directory.from_settings(Settings(**running.settings))
        manager.directory = directory  # type: ignore[assignment]
        yield running
        await directory.close()


PATHS = [
    "/api/live/popular",
    "/api/live/live",
    "/api/live/stats",
    *(f"/api/live/{name}/{mint_of(1)}" for name in ("stream", "validate", "token", "connection")),
    "/api/pumpfun/popular",
]


@pytest.mark.usefixtures("stand_in")
async def test_pump_funs_streams(client: httpx.AsyncClient) -> None:
    first, second = (await client.get("/api/live/popular")).json()
    assert (first["mint_id"], first["name"], first["usd_market_cap"]) == (mint_of(2), None, None)
    assert {name: second[name] for name in FIELDS[1:]} == {
        name: coin(1)[name] for name in FIELDS[1:]
    }
    body = (await client.get(f"/api/live/connection/{mint_of(1)}")).json()
    assert body["room_name"] == f"{mint_of(1)}:1273190"


STATUS = {
    Fault.SLOW: 502,
    Fault.FORBIDDEN: 502,
    Fault.LIMITED: 503,
    Fault.BROKEN: 502,
    Fault.GARBAGE: 502,
    Fault.WRONG_TYPES: 502,
}


@pytest.mark.parametrize("fault", STATUS)
async def test_while_it_fails_every_path_answers_in_time(
    client: httpx.AsyncClient, stand_in: PumpFun, fault: Fault
) -> None:
    stand_in.fail(fault)
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(client.get(path) for path in PATHS))
    for answer in answers:
        body = answer.json()
        assert (answer.status_code, body["success"]) == (STATUS[fault], False)
        assert "pump.fun" in body["error"]
        assert body["detail"] != body["error"]


async def test_ten_thousand_coins(client: httpx.AsyncClient, stand_in: PumpFun) -> None:
    stand_in.coins = [coin(number) for number in range(10_000)]
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(client.get(path) for path in PATHS))
    assert [answer.status_code for answer in answers] == [200] * len(PATHS)
    assert len(answers[0].json()) == 20
