"""How long a server takes to answer; part of ./scripts/bench."""

from __future__ import annotations

import asyncio
import time

import httpx


async def latencies_ms(
    client: httpx.AsyncClient, path: str, answers: int, *, pause_s: float = 0.02
) -> list[float]:
    """Of so many answers to GET, one after the other; each has to be a success."""
    taken = []
    for _ in range(answers):
        began_s = time.perf_counter()
        (await client.get(path)).raise_for_status()
        taken.append(1e3 * (time.perf_counter() - began_s))
        await asyncio.sleep(pause_s)
    return taken
