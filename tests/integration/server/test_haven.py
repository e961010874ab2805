"""What the desktop app asks for, with everything real: pump.fun's stand-in, LiveKit, workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from orchestrator.catalog.database import database_path
from orchestrator.server import depin
from orchestrator.server.lock import ServerLock
from orchestrator.server.manager import create_manager
from orchestrator.settings import Settings
from tests.kit.api.serving import serving
from tests.kit.livekit.crowd import conference
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.managing import nothing_left
from tests.kit.pumpfun import Fault, PumpFun, coin, mint_of, pumpfun

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

FIRST, SECOND = mint_of(1), mint_of(2)
MANY: Final = 20
"""What "Record all" of the app asks for at the same time."""

START: Final = {"output_format": "mp4", "video_quality": "low"}


@pytest.fixture
async def stand_in(livekit_server: Server) -> AsyncIterator[PumpFun]:
    async with pumpfun(livekit_server.url) as running:
        running.coins.clear()
        yield running


class App:
    """What the app's main process can do, which is no page (test_app.py has pages)."""

    def __init__(self, url: str) -> None:
        self.http = httpx.AsyncClient(base_url=url, timeout=120)

    async def get(self, path: str) -> Any:
        return (await self.http.get(path)).json()

    async def post(self, path: str, **body: Any) -> Any:
        return (await self.http.post(path, json=body or None)).json()

    async def until(self, path: str, reached: Callable[[Any], Any]) -> Any:
        """The answer once it is so."""
        async with asyncio.timeout(60):
            while not reached(body := await self.get(path)):
                await asyncio.sleep(0.1)
        return body

    async def until_watch(self, state: str) -> Any:
        return await self.until(
            "/api/recording/watch", lambda body: body["watches"][0]["state"] == state
        )


@asynccontextmanager
async def app_of(settings: Settings) -> AsyncIterator[App]:
    """The app, with a server of its own that holds the lock."""
    lock = ServerLock(database_path(settings.database_url))
    lock.acquire()
    async with serving(create_manager(settings, lock)) as url:
        app = App(url)
        try:
            yield app
        finally:
            await app.http.aclose()


@pytest.mark.all_only
async def test_a_stream_is_waited_for_by_one_server_after_the_other(
    settings_for: Callable[..., Settings], stand_in: PumpFun, livekit_server: Server
) -> None:
    settings = settings_for(**stand_in.settings, connect_timeout_s=6, watch_period_s=1)
    status = f"/api/recording/status/{FIRST}"
    async with conference(livekit_server, stand_in.room(FIRST)):
        async with app_of(settings) as app:
            body = await app.post("/api/recording/watch", mint_id=FIRST, **START)
            assert (body["success"], body["state"]) == (True, "waiting")
            stand_in.coins.append(coin(1))
            await app.until(status, lambda body: body["is_recording"])
            assert (await app.until_watch("recording"))["watches"][0]["id"]
            stopped = await app.post("/api/recording/stop", mint_id=FIRST)
            assert Path(stopped["output_path"]).is_file()
        async with app_of(settings) as app:
            await app.until(
                "/api/recording/watch", lambda body: body["watches"][0]["looked_at"] is not None
            )
            await app.until_watch("held")
            assert not (await app.get(status))["is_recording"], "stopped by hand"
            stand_in.coins.clear()
            await app.until_watch("waiting")
            stand_in.coins.append(coin(1))
            await app.until(status, lambda body: body["is_recording"])
            assert (await app.http.delete(f"/api/recording/watch/{FIRST}")).status_code == 200
            assert (await app.post("/api/recording/stop", mint_id=FIRST))["success"]
            assert (await app.get("/api/recordings?state=completed"))["total"] == 2
    await nothing_left()


@pytest.mark.all_only
async def test_the_agent_goes_to_the_most_watched_stream(
    settings_for: Callable[..., Settings],
    stand_in: PumpFun,
    livekit_server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(depin, "CHUNK_S", 2.0)
    settings = settings_for(**stand_in.settings, leave_recordings_running=True)
    stand_in.coins += [coin(1), coin(2)]
    async with (
        conference(livekit_server, stand_in.room(FIRST)),
        conference(livekit_server, stand_in.room(SECOND)),
    ):
        async with app_of(settings) as app:
            body = await app.post("/api/depin/tick")
            assert body["actions"] == [f"Started {SECOND}"]
            videos = await app.until("/api/videos/", len)
            assert (await app.post("/api/depin/tick"))["actions"] == []
            status = await app.get(f"/api/recording/status/{SECOND}")
            assert status["is_recording"], "its first minutes are in the library already"
            thumbnail = await app.http.get(videos[-1]["thumbnail_path"])
            assert thumbnail.headers["content-type"] == "image/jpeg"
        stand_in.coins[0]["num_participants"] = 50
        async with app_of(settings) as app:
            body = await app.post("/api/depin/tick")
            assert body["actions"] == [f"Started {FIRST}", f"Stopped {SECOND}"]
            assert (body["current_mint_id"], body["top_stream"]["participants"]) == (FIRST, 50)
            newer, older = (await app.get("/api/recordings"))["recordings"]
            assert (newer["mint_id"], older["mint_id"]) == (FIRST, SECOND)
            assert newer["started_at"] < older["ended_at"], "begun before the other one ended"
            stopped = await app.post("/api/recording/stop", mint_id=FIRST)
            assert Path(stopped["output_path"]).is_file()
    await nothing_left()


@pytest.mark.all_only
async def test_record_all(
    settings_for: Callable[..., Settings], stand_in: PumpFun, livekit_server: Server
) -> None:
    mints = [mint_of(number) for number in range(1, MANY + 1)]
    stand_in.coins += [coin(number) for number in range(1, MANY + 1)]
    tiny: dict[str, Any] = {"audio": False, "width": 128, "height": 96, "fps": 5}
    async with AsyncExitStack() as rooms, app_of(settings_for(**stand_in.settings)) as app:
        for mint in mints:
            await rooms.enter_async_context(publish(livekit_server, stand_in.room(mint), **tiny))

        async def start(mint: str) -> tuple[float, Any]:
            began = time.monotonic()
            body = await app.post("/api/recording/start", mint_id=mint, **START)
            return time.monotonic() - began, body

        answers = await asyncio.gather(*(start(mint) for mint in mints))
        for _, body in answers:
            assert body["success"] or (body["error"] and body["detail"] and body["code"])
        assert max(seconds for seconds, _ in answers) < 20, "15 s, and what a busy machine adds"
        begun = [mint for mint, (_, body) in zip(mints, answers, strict=True) if body["success"]]
        assert begun
        active = (await app.get("/api/recording/active"))["recordings"]
        assert set(begun) <= set(active)
    await nothing_left()


PATHS: Final = [
    *("GET /api/streams", "GET /api/live", "GET /api/live/live", "GET /api/live/popular?limit=20"),
    *("GET /api/live/stats", f"GET /api/live/stream/{SECOND}", f"GET /api/live/validate/{SECOND}"),
    *(f"GET /api/live/token/{SECOND}", f"GET /api/live/connection/{SECOND}"),
    *("POST /api/live-sessions/start", "POST /api/recording/start", "POST /api/depin/tick"),
]
"""Everything that asks pump.fun; /api/pumpfun is /api/live by another name."""

FAULTS: Final = (Fault.SLOW, Fault.LIMITED, Fault.WRONG_TYPES, None)
"""None: nobody listens."""


@pytest.mark.all_only
async def test_while_pump_fun_fails_everything_answers_and_recordings_go_on(
    settings_for: Callable[..., Settings], stand_in: PumpFun, livekit_server: Server
) -> None:
    stand_in.coins += [coin(1), coin(2)]
    settings = settings_for(**stand_in.settings)
    async with conference(livekit_server, stand_in.room(FIRST)), AsyncExitStack() as stack:
        app = await stack.enter_async_context(app_of(settings))
        assert (await app.post("/api/recording/start", mint_id=FIRST, **START))["success"]
        for fault in FAULTS:
            if fault is None:
                await stand_in.stop()
            else:
                stand_in.fail(fault)
            # Another server: what this one received before would still be good.
            other = settings_for(**stand_in.settings, database_url=f"{settings.database_url}2")
            async with app_of(other) as asking:
                answers = await asyncio.gather(*(ask(asking, path) for path in PATHS))
            for path, (seconds, status, body) in zip(PATHS, answers, strict=True):
                assert status in (502, 503), (fault, path, body)
                assert body["success"] is False
                assert "pump.fun" in body["error"]
                assert seconds < 8, (fault, path, "5 s, and what a busy machine adds")
        shown = await app.get(f"/api/recording/status/{FIRST}")
        assert (shown["recording_state"], shown["reconnects"]) == ("recording", 0)
        assert (await app.post("/api/recording/stop", mint_id=FIRST))["success"]
    await nothing_left()


async def ask(app: App, path: str) -> tuple[float, int, Any]:
    """How long it took, the status, and the body."""
    method, address = path.split()
    body = {"mint_id": SECOND} if method == "POST" and "depin" not in path else None
    began = time.monotonic()
    answer = await app.http.request(method, address, json=body)
    return time.monotonic() - began, answer.status_code, answer.json()
