"""Waiting for what a worker, another process, writes into the catalog: its row is polled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.recordings.outcome import CONNECTING, has_begun, is_final

log = structlog.get_logger(__name__)

POLL_S: Final = 0.02

FIRST: Final = 50
"""Events that are looked at for one of a worker's first."""


async def poll_until(
    catalog: Catalog, id: str, reached: Callable[[Recording], bool], timeout_s: float | None
) -> Recording | None:
    """The recording's row once `reached` is true of it; None after `timeout_s` seconds."""
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                if reached(row := await catalog.get(id)):
                    return row
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        return None


async def until_connecting(catalog: Catalog, id: str, timeout_s: float) -> bool:
    """Whether the recording's worker is there, and connects, within `timeout_s` seconds; one that
    has begun or ended is not waited for.
    """
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                if await _is_connecting(catalog, id):
                    return True
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        return False


async def _is_connecting(catalog: Catalog, id: str) -> bool:
    if has_begun(await catalog.get(id)):
        return True
    return any(event.kind == CONNECTING for event in await catalog.events(id, FIRST))


async def wait_until_final(catalog: Catalog, ending: list[Recording], timeout_s: float) -> None:
    """Waits until these recordings, which are stopping, have ended; logs each outcome.

    A recording that takes longer than `timeout_s` seconds is left to its worker.
    """
    waits = [poll_until(catalog, row.id, is_final, timeout_s) for row in ending]
    outcomes = await asyncio.gather(*waits, return_exceptions=True)
    for row, ended in zip(ending, outcomes, strict=True):
        if ended is None:
            log.error("recording not finished in time", recording=row.id, timeout_s=timeout_s)
        elif isinstance(ended, BaseException):
            log.error("can't tell how the recording ended", recording=row.id, error=repr(ended))
        elif ended.error:
            log.warning("recording ended", recording=row.id, error=ended.error)
