"""Waiting for a condition, and saying what was there when it did not come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from orchestrator.catalog.models import Recording
from orchestrator.server.manager import Manager

FPS: Final = 30
"""Frames a second that a test's publisher sends, unless another is given."""


async def eventually(
    reached: Callable[[], bool], seen: Callable[[], object], *, within_s: float
) -> None:
    """Waits until it is so; fails with what `seen` gives when it is not in time."""
    deadline = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < deadline, seen()
        await asyncio.sleep(0.05)


async def until_received(manager: Manager, stream_id: str, frames: int) -> None:
    """Wait until so many frames came; a busy publisher leaves some out, and takes longer."""
    await until(manager, stream_id, received, frames)


async def until_more(manager: Manager, stream_id: str, frames: int) -> None:
    """Wait until so many more frames came than now."""
    row = await manager.status(stream_id)
    await until_received(manager, stream_id, frames + (received(row) if row else 0))


async def until_participants(manager: Manager, stream_id: str, count: int) -> None:
    """Wait until so many take part, as the recording's server says."""
    async with asyncio.timeout(60):
        while (row := await manager.status(stream_id)) is None or (
            row.figures.get("source", {}).get("participants") != count
        ):
            await asyncio.sleep(0.05)


def received(row: Recording) -> int:
    """Frames that the worker which runs now has received."""
    return int(row.figures.get("video", {}).get("received", 0))


async def until_duration(manager: Manager, stream_id: str, seconds: float) -> None:
    """Wait until so much is recorded."""
    await until(manager, stream_id, lambda row: row.figures.get("duration_s") or 0, seconds)


async def until_on_disk(manager: Manager, stream_id: str, least_bytes: int) -> None:
    """Wait until so much of it is in its files: nothing is before audio has its place."""
    async with asyncio.timeout(90):
        while True:
            row = await manager.status(stream_id)
            segments = await manager.catalog.segments(row.id) if row is not None else []
            paths = [path for segment in segments if (path := Path(segment.path)).exists()]
            if sum(path.stat().st_size for path in paths) >= least_bytes:
                return
            await asyncio.sleep(0.05)


async def until(
    manager: Manager, stream_id: str, figure: Callable[[Recording], float], least: float
) -> None:
    """Wait until a figure of the recording is large enough."""
    async with asyncio.timeout(90):
        while (row := await manager.status(stream_id)) is None or figure(row) < least:
            await asyncio.sleep(0.05)


async def until_state(manager: Manager, stream_id: str, state: str) -> Recording:
    """Wait until the stream's recording is in that state."""
    async with asyncio.timeout(60):
        while (row := await manager.status(stream_id)) is None or row.state != state:
            await asyncio.sleep(0.05)
    return row
