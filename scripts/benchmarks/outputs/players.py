"""Players of a running recording's HLS that ask as hls.js does, and throw away what they get."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx

from tests.kit.recordings.hls_player import listed

RELOAD_S: Final = 2.0
BEGINNING: Final = 3
"""Pieces or parts from the end at which a player begins."""
PART: Final = re.compile(r'#EXT-X-PART:DURATION=[\d.]+,URI="(.+?)"')


async def play(client: httpx.AsyncClient, root: str, after_s: float = 0.0) -> None:
    """As hls.js does without parts, until it is cancelled: each new piece once."""
    await asyncio.sleep(after_s)
    seen: set[str] = set()
    while True:
        began_s = time.monotonic()
        pieces = listed((await client.get(f"{root}/video.m3u8")).raise_for_status().text)
        for piece in pieces[-BEGINNING:]:
            for uri in (piece.init, piece.uri):
                if uri not in seen:
                    seen.add(uri)
                    (await client.get(f"{root}/{uri}")).raise_for_status()
        await asyncio.sleep(max(0.0, RELOAD_S - (time.monotonic() - began_s)))


async def play_parts(client: httpx.AsyncClient, root: str) -> None:
    """As hls.js does with parts: blocking reloads, and each new part once."""
    seen: set[str] = set()
    query = ""
    while True:
        text = (await client.get(f"{root}/video.m3u8{query}")).raise_for_status().text
        parts = PART.findall(text)
        for uri in parts[-BEGINNING:]:
            if uri not in seen:
                seen.add(uri)
                (await client.get(f"{root}/{uri}")).raise_for_status()
        begun = text.rpartition("#EXTINF")[2].count("#EXT-X-PART:")
        query = f"?_HLS_msn={len(listed(text))}&_HLS_part={begun}"


@asynccontextmanager
async def players(url: str, root: str, count: int, *, parts: bool) -> AsyncIterator[None]:
    """So many, for as long as it is open."""
    limits = httpx.Limits(max_connections=count + 1)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as client:
        each = [
            play_parts(client, root) if parts else play(client, root, RELOAD_S * number / count)
            for number in range(count)
        ]
        tasks = [asyncio.create_task(one) for one in each]
        try:
            yield
        finally:
            failed = [task.exception() for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert not failed, failed
