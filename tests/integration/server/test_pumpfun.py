"""A pump.fun stream becomes a file: the stand-in's addresses, a real LiveKit server behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.errors import NobodyPublishes, SourceBusy, StreamNotFound
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from tests.kit.livekit.crowd import GUESTS, conference
from tests.kit.livekit.server import Server, server_binary
from tests.kit.managing import managing
from tests.kit.pumpfun import JOIN, LIVESTREAM, Fault, PumpFun, coin, mint_of, pumpfun
from tests.kit.recordings.waits import FPS, until_more, until_received, until_state
from tests.kit.signals.reading import read

pytestmark = pytest.mark.livekit

MINT = mint_of(1)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A LiveKit server that the test may kill."""
    binary = server_binary()
    assert binary is not None
    server = Server(binary, tmp_path / "livekit.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def stand_in(own_server: Server) -> AsyncIterator[PumpFun]:
    async with pumpfun(own_server.url) as running:
        yield running


@pytest.fixture
async def manager(
    settings_for: Callable[..., Settings], stand_in: PumpFun
) -> AsyncIterator[Manager]:
    """A manager that knows pump.fun, and nothing else."""
    settings = settings_for(**stand_in.settings, connect_timeout_s=3)
    async with managing(settings) as made:
        yield made


async def test_a_coin_is_recorded_with_a_new_token_after_a_lost_connection(
    manager: Manager, stand_in: PumpFun, own_server: Server
) -> None:
    room = stand_in.room(MINT)
    async with conference(own_server, room):
        started = await manager.start(StartRequest(MINT, "mp4", None, "low"))
        assert started.stream["name"] == "Coin 1"
        assert Path(started.output_path).name.startswith("Coin_1_")
        await until_received(manager, MINT, FPS)
        assert stand_in.count(JOIN) == 1
        own_server.stop()
        await until_state(manager, MINT, "reconnecting")
    await asyncio.to_thread(own_server.start)
    async with conference(own_server, room, identity="again"):
        await until_state(manager, MINT, "recording")
        await until_more(manager, MINT, 2 * FPS)
        ended = await manager.stop(MINT)
    assert ended.state == "completed"
    assert ended.worker_starts == 1
    assert ended.figures["source"]["reconnects"] == 1
    assert stand_in.count(JOIN) >= 2
    assert len(set(stand_in.tokens)) == stand_in.count(JOIN), "a new one each time"
    reading = read(Path(ended.output_path))
    assert len(reading.codes) >= FPS
    assert reading.tones.all_of(GUESTS, reading.audio_end_s - 1.5) >= 1, "heard again, and in time"


async def test_live_without_anybody_who_publishes(manager: Manager, stand_in: PumpFun) -> None:
    with pytest.raises(NobodyPublishes) as caught:
        await manager.start(StartRequest(MINT, "mp4"))
    assert "pump.fun lists the stream as live, but nobody publishes" in caught.value.error
    assert caught.value.status == 504
    assert list(manager.settings.output_directory.iterdir()) == []


async def test_what_cannot_be_joined_is_reported(manager: Manager, stand_in: PumpFun) -> None:
    with pytest.raises(StreamNotFound, match=mint_of(9)):
        await manager.start(StartRequest(mint_of(9), "mp4"))
    stand_in.retry_after = "60"
    stand_in.fail(Fault.LIMITED, JOIN)
    with pytest.raises(SourceBusy, match="asks us to wait") as caught:
        await manager.start(StartRequest(MINT, "mp4"))
    assert caught.value.status == 503
    assert await manager.active() == []


async def test_recordings_go_on_while_pump_fun_fails(
    manager: Manager, stand_in: PumpFun, own_server: Server
) -> None:
    stand_in.coins.append(coin(2))
    async with conference(own_server, stand_in.room(MINT)):
        await manager.start(StartRequest(MINT, "mp4", None, "low"))
        await stand_in.stop()
        with pytest.raises(Exception, match="can't be reached"):
            await manager.start(StartRequest(mint_of(2), "mp4"))
        await until_more(manager, MINT, 2 * FPS)
        ended = await manager.stop(MINT)
    assert ended.state == "completed"
    assert ended.figures["source"]["reconnects"] == 0
    assert stand_in.count(LIVESTREAM) >= 1
