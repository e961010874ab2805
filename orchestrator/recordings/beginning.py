"""How a recording begins: the wait for its first frame; where zero is for a worker that rejoins."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from orchestrator.catalog.models import Recording
from orchestrator.errors import StoppedWhileStarting
from orchestrator.media import SECOND_NS, TITLES
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.recordings.capture import Capture

UNSUPPORTED_WAIT_S: Final = 4.0
"""How long a picture in a codec we can't receive may turn into one we can (backup codec)."""


async def until_first_frame(
    recording: Recording, capture: Capture, stop: asyncio.Future[str], timeout_s: float
) -> None:
    """Returns when something is recorded; raises with the reason when nothing will be."""
    began = asyncio.create_task(capture.began.wait())
    hopeless = asyncio.create_task(_unsupported(capture))
    waits: set[asyncio.Future[Any]] = {began, hopeless, capture.closed, stop}
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        began.cancel()
        hopeless.cancel()
    if capture.began.is_set():
        return
    if stop.done():
        raise StoppedWhileStarting(
            f"Stopped before the first frame of {recording.mint_id}.",
            "Nothing was recorded; start it again when you want it.",
        )
    if capture.closed.done() and (why := capture.closed.result().error):
        raise why
    listed_by = recording.stream["discovery"]
    raise capture.choice.why_nothing(TITLES.get(listed_by, listed_by))


async def _unsupported(capture: Capture) -> None:
    """Ends when the only picture has stayed one that can't be received."""
    while True:
        await asyncio.sleep(UNSUPPORTED_WAIT_S)
        if capture.unsupported is not None:
            return


def began_at(capture: Capture) -> datetime:
    """The moment of zero on the wall clock: what a new worker goes on from."""
    origin_ns = capture.timeline.origin_ns
    assert origin_ns is not None
    ago = timedelta(microseconds=(time.monotonic_ns() - origin_ns) // 1000)
    return datetime.now(UTC) - ago


def known_origin_ns(recording: Recording) -> int | None:
    """The moment of zero on this machine's monotonic clock, if a worker before fixed it."""
    if recording.started_at is None:
        return None
    passed = datetime.now(UTC) - recording.started_at
    return time.monotonic_ns() - int(passed.total_seconds() * SECOND_NS)


def canvas_of(recording: Recording) -> CanvasSize | None:
    """The size an earlier worker fixed: segments of one file have one size."""
    video = recording.figures.get("video") or {}
    width, height = video.get("width"), video.get("height")
    return CanvasSize(width, height) if width and height else None
