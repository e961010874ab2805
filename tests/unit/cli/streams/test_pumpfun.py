"""`orchestrator streams`, `doctor` and `settings` with pump.fun's stand-in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from subprocess import CompletedProcess

import pytest

from tests.kit.cli import Place
from tests.kit.pumpfun import Fault, PumpFun, coin, mint_of, pumpfun

Run = Callable[..., Awaitable["CompletedProcess[str]"]]


@pytest.fixture
async def stand_in(place: Place) -> AsyncIterator[PumpFun]:
    async with pumpfun() as running:
        running.coins.append(coin(2, name=None, symbol=None, num_participants=5))
        for name in ("api_url", "livestream_url", "livekit_url"):
            setting = f"pumpfun_{name}"
            place.environment[f"ORCHESTRATOR_{setting.upper()}"] = running.settings[setting]
        place.environment["ORCHESTRATOR_DISCOVERY"] = "pumpfun"
        yield running


@pytest.fixture
def run(place: Place) -> Run:
    """Runs a command while the stand-in answers."""

    async def running(*arguments: str) -> CompletedProcess[str]:
        return await asyncio.to_thread(place.run, *arguments)

    return running


async def test_streams(stand_in: PumpFun, run: Run) -> None:
    first, second = json.loads((await run("streams", "--json")).stdout)
    assert (first["id"], first["name"], first["discovery"]) == (mint_of(2), None, "pumpfun")
    assert (second["id"], second["name"]) == (mint_of(1), "Coin 1")
    stand_in.fail(Fault.GARBAGE)
    failed = await run("streams")
    assert failed.returncode != 0
    assert "pump.fun's answer can't be understood" in failed.stderr
    assert "Traceback" not in failed.stderr


async def test_doctor(stand_in: PumpFun, run: Run) -> None:
    def finding(done: CompletedProcess[str]) -> dict[str, str]:
        checks = json.loads(done.stdout)["checks"]
        (found,) = [check for check in checks if check["name"] == "pumpfun"]
        return dict(found)

    well = finding(await run("doctor", "--json"))
    assert (well["verdict"], well["found"]) == (
        "ok",
        f"{stand_in.url} responds; 2 streams are live",
    )
    await stand_in.stop()
    ill = finding(await run("doctor", "--json"))
    assert ill["verdict"] == "failed"
    assert "can't be reached" in ill["found"]


async def test_the_template_has_its_settings(run: Run) -> None:
    template = (await run("settings", "--template")).stdout
    assert '# pumpfun_api_url = "https://frontend-api-v3.pump.fun"' in template
    assert '"livekit" or "pumpfun" or "demo"' in template
