"""A stand-in for pump.fun on a real socket: its three addresses, in front of a LiveKit server.

It answers as Haven Player's backend and public notes say that pump.fun does, and fails as it is
asked to. Nobody has compared it with the live service.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from aiohttp import web
from livekit import api

from tests.kit.livekit.server import KEY, SECRET
from tests.kit.ports import free_port

BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
PAGE: Final = 60
"""Coins in a page, however many are asked for; public notes have seen it so."""

LIST: Final = "/coins/currently-live"
LIVESTREAM: Final = "/livestream"
JOIN: Final = "/livestream/join"


class Fault(StrEnum):
    """What can go wrong with an answer."""

    SLOW = "slow"
    FORBIDDEN = "forbidden"
    LIMITED = "limited"
    BROKEN = "broken"
    HUNG_UP = "hung up"
    MOVED = "moved"
    MOVED_NOWHERE = "moved nowhere"
    GARBAGE = "garbage"
    WRONG_TYPES = "wrong types"
    HUGE = "huge"


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


def mint_of(number: int) -> str:
    """A mint of its own for each number, 44 characters that end in "pump" as theirs do."""
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = BASE58[digit] + digits
    return digits.rjust(40, BASE58[0]) + "pump"


def coin(number: int, **fields: Any) -> dict[str, Any]:
    """An entry of the list, with a field that we don't know."""
    return {
        "mint": mint_of(number),
        "name": f"Coin {number}",
        "symbol": f"C{number}",
        "description": "d" * 300,
        "image_uri": f"https://images.example/{number}.png",
        "thumbnail": f"https://clips.example/{number}/thumb.jpg",
        "creator": mint_of(10**9 + number),
        "market_cap": 28.5 + number,
        "usd_market_cap": 4200.25 + number,
        "num_participants": number,
        "is_currently_live": True,
        "created_timestamp": 1_760_226_028_189,
        "last_trade_timestamp": 1_760_226_128_189,
        "nsfw": False,
        "website": None,
        "twitter": "https://x.example/coin",
        "telegram": None,
        "reply_count": 7,
        **fields,
    }


class PumpFun:
    """The stand-in. What is live is in `coins`; `faults` by path, each until it is taken out."""

    def __init__(self, livekit_url: str) -> None:
        self.livekit_url = livekit_url
        self.coins: list[dict[str, Any]] = []
        self.hidden: list[dict[str, Any]] = []
        """Live as well, but not in the list."""
        self.faults: dict[str, Fault] = {}
        self.times: dict[str, int] = {}
        """How often a fault happens, by path; always where it isn't said."""
        self.retry_after: str | None = None
        self.page = PAGE
        self.ignores_offset = False
        self.breaks_off_at: int | None = None
        """From this offset on the list is broken."""
        self.token_life = timedelta(hours=6)
        self.asked: deque[Asked] = deque(maxlen=1000)
        self.tokens: list[str] = []
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()
        self._port = free_port()

    # -- what tests say and see

    @property
    def url(self) -> str:
        """Of both, api and livestream."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def settings(self) -> dict[str, Any]:
        """What makes Settings find it."""
        return {
            "discovery": ["pumpfun"],
            "pumpfun_api_url": self.url,
            "pumpfun_livestream_url": self.url,
            "pumpfun_livekit_url": self.livekit_url,
        }

    def room(self, mint: str) -> str:
        """The LiveKit room of a coin."""
        return f"{mint}:1273190"

    def fail(self, fault: Fault, *paths: str, times: int | None = None) -> None:
        """Answers so at these paths, or everywhere; for so many requests, or for good."""
        for path in paths or (LIST, LIVESTREAM, JOIN):
            self.faults[path] = fault
            if times is not None:
                self.times[path] = times

    def recover(self) -> None:
        """No faults any more."""
        self.faults.clear()
        self.times.clear()

    def count(self, path: str) -> int:
        """Requests of a path so far."""
        return sum(each.path == path for each in self.asked)

    # -- running

    async def start(self) -> None:
        """Listens; where it did before, if it did."""
        self._stopping.clear()
        app = web.Application()
        app.router.add_get(LIST, self._list)
        app.router.add_get(LIVESTREAM, self._livestream)
        app.router.add_post(JOIN, self._join)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def stop(self) -> None:
        """Nobody listens any more."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()

    # -- answers

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if (failed := await self._fault(request)) is not None:
            return failed
        offset = 0 if self.ignores_offset else int(request.query["offset"])
        if self.breaks_off_at is not None and offset >= self.breaks_off_at:
            return web.Response(status=500)
        limit = self.page if self.page > 100 else min(int(request.query["limit"]), self.page)
        return web.json_response(self.coins[offset : offset + limit])

    async def _livestream(self, request: web.Request) -> web.StreamResponse:
        if (failed := await self._fault(request)) is not None:
            return failed
        found = self._coin(request.query["mintId"])
        if found is None:
            return web.Response()
        return web.json_response(
            {
                "id": 1273190,
                "mintId": found["mint"],
                "creatorAddress": found["creator"],
                "streamStartTimestamp": 1_760_226_028_189,
                "numParticipants": found["num_participants"] + 1,
                "maxParticipants": 0,
                "isLive": found["is_currently_live"],
                "thumbnail": "https://clips.example/now/thumb.jpg",
                "title": "Streaming now",
                "mode": "interactive",
            }
        )

    async def _join(self, request: web.Request) -> web.StreamResponse:
        if (failed := await self._fault(request)) is not None:
            return failed
        body = await request.json()
        if body.get("role") != "viewer" or body.get("viewer") is not True:
            return web.json_response({"message": "role must be viewer"}, status=400)
        if self._coin(body["mintId"]) is None:
            return web.json_response({"message": "Livestream not found"}, status=404)
        return web.json_response({"token": self._token(body["mintId"])}, status=201)

    def _token(self, mint: str) -> str:
        grants = api.VideoGrants(
            room_join=True, room=self.room(mint), can_publish=False, can_subscribe=True
        )
        token = api.AccessToken(KEY, SECRET).with_identity(f"viewer-{len(self.tokens)}")
        self.tokens.append(token.with_grants(grants).with_ttl(self.token_life).to_jwt())
        return self.tokens[-1]

    def _coin(self, mint: str) -> dict[str, Any] | None:
        return next((c for c in (*self.coins, *self.hidden) if c.get("mint") == mint), None)

    async def _fault(self, request: web.Request) -> web.StreamResponse | None:
        """Notes the request; the answer to it if something is to go wrong."""
        body = await request.json() if request.can_read_body else None
        path, headers = request.path, dict(request.headers)
        self.asked.append(Asked(path, dict(request.query), headers, body))
        if headers.get("Origin") != "https://pump.fun" or "Mozilla" not in headers["User-Agent"]:
            return web.Response(status=403, text="only for pump.fun's own page")
        if path not in self.faults or self.times.get(path, 1) < 1:
            return None
        if path in self.times:
            self.times[path] -= 1
        return await self._failure(self.faults[path], request)

    async def _failure(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        if fault is Fault.SLOW:
            try:
                await asyncio.wait_for(self._stopping.wait(), 30)
            except TimeoutError:
                return web.json_response([])
        if fault in (Fault.SLOW, Fault.HUNG_UP) and request.transport is not None:
            request.transport.abort()
        waiting = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        text, wrong = "application/json", json.dumps(WRONG[request.path])
        answers: dict[Fault, tuple[int, str | bytes, dict[str, str]]] = {
            Fault.FORBIDDEN: (403, '{"message": "Forbidden\\u001b[31m"}', {}),
            Fault.LIMITED: (429, "", waiting),
            Fault.BROKEN: (500, "", waiting),
            Fault.MOVED: (302, "", {"Location": "http://127.0.0.1:9/elsewhere"}),
            Fault.MOVED_NOWHERE: (302, "", {"Location": "http://xn--a/"}),
            Fault.GARBAGE: (200, "<html>[[[{", {}),
            Fault.WRONG_TYPES: (200, wrong, {}),
            Fault.HUGE: (200, b"[" + b" " * (17 * 2**20) + b"]", {}),
        }
        status, body, more = answers.get(fault, (500, "", {}))
        data = body.encode() if isinstance(body, str) else body
        return web.Response(status=status, body=data, headers=more, content_type=text)


WRONG: Final[dict[str, Any]] = {
    LIST: {"coins": 7},
    LIVESTREAM: {"isLive": "perhaps", "numParticipants": []},
    JOIN: {"token": {"of": 3}},
}
"""JSON, and nothing that we can use."""


@asynccontextmanager
async def pumpfun(livekit_url: str = "ws://127.0.0.1:9") -> AsyncIterator[PumpFun]:
    """A stand-in with a coin that is live; its tokens are good for that LiveKit server."""
    stand_in = PumpFun(livekit_url)
    stand_in.coins.append(coin(1))
    await stand_in.start()
    try:
        yield stand_in
    finally:
        await stand_in.stop()
