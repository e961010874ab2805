"""Previews of running recordings: small JPEG images, made only while somebody asks for them.

Server and worker meet in the recording's runtime folder: the server touches `preview.wanted`, and
for the next seconds the worker writes `preview.jpg` from the last frame that went into the pipe. So
no frame is decoded again for it, and nothing is done while nobody asks.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from orchestrator.errors import NoFrame

WANTED_S: Final = 10.0
"""For how long a request is good."""

OLDEST_S: Final = 2.0
"""Older previews are not given out."""

_WAIT_S: Final = 2.0
"""How long a request waits for the first preview, or on a busy machine."""

_LOOK_S: Final = 0.1


async def current(folder: Path) -> bytes:
    """The server's part: a JPEG of what is recorded now, at most `OLDEST_S` old.

    Raises NoFrame if none comes in time.
    """
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        if (preview := await asyncio.to_thread(_request, folder)) is not None:
            return preview
        await asyncio.sleep(_LOOK_S)
    raise NoFrame(
        "No video frame was recorded in the last seconds",
        "Try again: its worker is being replaced, or the machine is busy.",
    )


def _request(folder: Path) -> bytes | None:
    try:
        (folder / "preview.wanted").touch(mode=0o600)
        preview = folder / "preview.jpg"
        return preview.read_bytes() if is_newer(preview, OLDEST_S) else None
    except FileNotFoundError:
        return None  # its worker hasn't started yet, or is being replaced


def is_newer(path: Path, seconds: float) -> bool:
    """Whether the file exists and was written at most so many seconds ago. Blocking."""
    try:
        return -1 < time.time() - path.stat().st_mtime < seconds  # ahead: the clock was set
    except FileNotFoundError:
        return False
