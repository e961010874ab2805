"""A stream's server that is too busy: whoever starts a recording learns when to come back."""

from __future__ import annotations

from pathlib import Path

import httpx
from aiohttp import web

from orchestrator.catalog.store import Catalog
from orchestrator.discovery.directory import Directory
from orchestrator.media import Endpoint, Stream, WhepEndpoint
from orchestrator.server.launcher import LocalLauncher
from orchestrator.server.manager import Manager
from tests.kit.api.serving import serving
from tests.kit.livekit.server import settings_of


class OneStream(Directory):
    """Knows one stream, by WHEP."""

    def __init__(self, url: str) -> None:
        super().__init__([])
        self._url = url

    async def find(self, id: str) -> Stream:
        return Stream(id, "demo")

    async def endpoint(self, stream: Stream, identity: str, *, shown: bool = True) -> Endpoint:
        return WhepEndpoint(self._url)


async def test_retry_after_reaches_whoever_asked(tmp_path: Path) -> None:
    async def busy(_: web.Request) -> web.Response:
        return web.Response(status=503, text="too many viewers", headers={"Retry-After": "60"})

    app = web.Application()
    app.router.add_post("/whep", busy)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/whep"
    settings = settings_of("ws://127.0.0.1:9", tmp_path)
    catalog = Catalog(settings.database_url)
    manager = Manager(settings, catalog, OneStream(url), LocalLauncher(reserve=False), None)
    async with serving(manager) as base, httpx.AsyncClient(base_url=base, timeout=60) as client:
        answer = await client.post("/api/recording/start", json={"mint_id": "busy"})
    await runner.cleanup()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"
    assert "too many viewers" in answer.json()["error"]
