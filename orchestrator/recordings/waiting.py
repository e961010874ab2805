"""Waiting for what a worker writes into the catalog: it is another process, so we look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError, restore
from orchestrator.recordings.states import FINAL, RecordingState

log = structlog.get_logger(__name__)

POLL_S: Final = 0.04


async def until(
    catalog: Catalog, id: str, reached: Callable[[Recording], bool], timeout_s: float
) -> Recording | None:
    """The row once it is so; None when it is not in time."""
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                if reached(row := await catalog.get(id)):
                    return row
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        return None


async def finish(catalog: Catalog, ending: list[Recording], timeout_s: float) -> None:
    """Until all that were told to end have ended; who takes longer goes on by himself."""
    waits = [until(catalog, row.id, is_final, timeout_s) for row in ending]
    outcomes = await asyncio.gather(*waits, return_exceptions=True)
    for row, ended in zip(ending, outcomes, strict=True):
        if ended is None:
            log.error("not finished in time", recording=row.id, timeout_s=timeout_s)
        elif isinstance(ended, BaseException):
            log.error("no look at its end", recording=row.id, error=repr(ended))
        elif ended.error:
            log.warning("recording ended", recording=row.id, error=ended.error)


def is_final(row: Recording) -> bool:
    """Completed or failed."""
    return row.state in FINAL


def has_begun(row: Recording) -> bool:
    """Something is recorded, or it has ended."""
    return row.state not in (RecordingState.STARTING, RecordingState.STOPPING)


def failure(row: Recording) -> HavenError:
    """The error that a failed recording ended with."""
    return restore(row.error_code or "", row.error or "", row.detail or "")
