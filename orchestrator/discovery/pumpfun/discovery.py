"""pump.fun as a directory: its livestreams are the streams, a coin's mint is the stream's id.

Three addresses are asked, as Haven Player's backend and public notes know them; none of them is
documented by pump.fun:

- ``GET {api}/coins/currently-live``: the coins that are live, in pages
- ``GET {livestream}/livestream?mintId=``: one coin's livestream, nothing when nobody streams
- ``POST {livestream}/livestream/join``: a viewer's token for its LiveKit room
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from orchestrator.discovery.answer_cache import AnswerCache
from orchestrator.discovery.pumpfun.client import ANSWER_S, PumpFunClient
from orchestrator.discovery.pumpfun.responses import (
    MINT,
    MOST_COINS,
    NAME,
    Livestream,
    Page,
    is_last,
    join_token_of,
    livestream_of,
    merged,
    page_of,
)
from orchestrator.errors import HavenError, NotFound, SourceError, SourceGarbled, StreamNotFound
from orchestrator.media import LiveKitEndpoint, Stream

log = structlog.get_logger(__name__)

PAGE: Final = 100
"""Coins per request: what Haven Player asks for, and pump.fun is known to give."""

MOST_PAGES: Final = 20
"""Most requests for one list; pump.fun may give fewer coins than asked for."""

LIST_LIFE_S: Final = 10.0
"""How long a list is cached: its order hardly changes sooner, and web pages poll it."""

LIVESTREAM_LIFE_S: Final = 3.0
"""How long a livestream is cached: short, as its begin and end should be seen."""

FAILURE_LIFE_S: Final = 2.0
"""How long a failure is cached, so that retries don't make it worse."""

MOST_QUESTIONS: Final = 256
"""Most livestreams in the cache; "Record all" of the desktop app asks for 20 at once."""

DETAILS_S: Final = 2.0
"""How long to wait for the list, which alone has names: a recording begins without one, too."""


class PumpFunDiscovery:
    """The livestreams of pump.fun.

    Responses are parsed off the event loop: they may be much longer than expected.
    """

    name = NAME

    def __init__(self, api_url: str, livestream_url: str, livekit_url: str) -> None:
        self._api_url = api_url.rstrip("/")
        self._livestream_url = livestream_url.rstrip("/")
        self._livekit_url = livekit_url
        self._client = PumpFunClient()
        self._lists = AnswerCache[dict[str, Stream]](
            life_s=LIST_LIFE_S, failure_life_s=FAILURE_LIFE_S, most=1
        )
        self._livestreams = AnswerCache[Livestream](
            life_s=LIVESTREAM_LIFE_S, failure_life_s=FAILURE_LIFE_S, most=MOST_QUESTIONS
        )

    async def find(self, id: str) -> Stream | None:
        """The livestream of this coin; StreamNotFound if nobody streams, None if it is no mint."""
        if not MINT.fullmatch(id):
            return None
        deadline = time.monotonic() + ANSWER_S
        try:
            livestream = await self._livestreams.get(id, lambda: self._livestream(id))
        except SourceGarbled:
            listed = await self._listed(id, deadline)
            if listed is None or not listed.is_currently_live:
                raise
            return listed
        if not livestream.live:
            raise StreamNotFound(id, "pump.fun says that nobody streams this coin at present.")
        return merged(id, livestream, await self._listed(id, deadline))

    async def live(self, limit: int) -> list[Stream]:
        """The coins in pump.fun's list of what is live, the most watched first."""
        coins = await self._lists.get("live", self._list)
        live = (stream for stream in coins.values() if stream.is_currently_live)
        return sorted(live, key=lambda one: -one.num_participants)[:limit]

    async def endpoint(self, stream: Stream, identity: str) -> LiveKitEndpoint:
        """pump.fun's LiveKit server with a viewer's token, a new one each time.

        pump.fun chooses the identity itself. Raises StreamNotFound when there is nothing to join.
        """
        body = {"mintId": stream.id, "role": "viewer", "viewer": True}
        try:
            data = await self._client.ask(
                "POST", f"{self._livestream_url}/livestream/join", body=body
            )
        except NotFound as error:
            raise StreamNotFound(stream.id, error.error) from error
        joining = await asyncio.to_thread(join_token_of, data)
        log.debug("joined pump.fun", stream=stream.id, room=joining.room, until=joining.expires_at)
        return LiveKitEndpoint(url=self._livekit_url, token=joining.token)

    async def close(self) -> None:
        """Cancels the requests under way, and closes the connections."""
        await self._lists.close()
        await self._livestreams.close()
        await self._client.close()

    async def _livestream(self, mint: str) -> Livestream:
        url = f"{self._livestream_url}/livestream"
        try:
            data = await self._client.ask("GET", url, params={"mintId": mint})
        except NotFound:
            return Livestream(live=False)
        return await asyncio.to_thread(livestream_of, data)

    async def _listed(self, mint: str, deadline: float) -> Stream | None:
        """The coin's entry in the list; None if there is none, or not in time."""
        limit_s = min(DETAILS_S, deadline - time.monotonic())
        try:
            async with asyncio.timeout(limit_s):
                return (await self._lists.get("live", self._list)).get(mint)
        except (HavenError, TimeoutError):
            return None

    async def _list(self) -> dict[str, Stream]:
        pages = await self._pages()
        if unusable := sum(page.unusable for page in pages):
            log.info("unusable values in pump.fun's list", count=unusable)
        return {stream.id: stream for page in pages for stream in page.streams}

    async def _pages(self) -> list[Page]:
        """The pages of the list, up to MOST_COINS; after a failure those that came before it."""
        deadline = time.monotonic() + ANSWER_S
        pages: list[Page] = []
        while len(pages) < MOST_PAGES and (not pages or not is_last(pages)):
            offset = sum(page.entries for page in pages)
            if offset >= MOST_COINS:
                break
            try:
                pages.append(await self._page(offset, deadline))
            except HavenError as error:
                if not pages:
                    raise
                log.warning("pump.fun's list is incomplete", entries=offset, error=error.error)
                break
        return pages

    async def _page(self, offset: int, deadline: float) -> Page:
        query: dict[str, str | int] = {
            "offset": offset,
            "limit": PAGE,
            "sort": "currently_live",
            "order": "DESC",
            "includeNsfw": "true",
        }
        url = f"{self._api_url}/coins/currently-live"
        try:
            data = await self._client.ask("GET", url, params=query, deadline=deadline)
        except NotFound as error:  # the list itself is missing; without streams it would be empty
            raise SourceError(error.error, error.detail) from error
        return await asyncio.to_thread(page_of, data)
