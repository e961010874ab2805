"""pump.fun's stand-in, and a directory that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from orchestrator.discovery.pumpfun.discovery import PumpFunDiscovery
from tests.kit.pumpfun import PumpFun, pumpfun


@pytest.fixture
async def stand_in() -> AsyncIterator[PumpFun]:
    async with pumpfun() as running:
        yield running


@pytest.fixture
async def discovery(stand_in: PumpFun) -> AsyncIterator[PumpFunDiscovery]:
    made = PumpFunDiscovery(stand_in.url, f"{stand_in.url}/", stand_in.livekit_url)
    yield made
    await made.close()
