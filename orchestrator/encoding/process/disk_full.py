"""Why ffmpeg can't write any more (full disk, quota, file size), and waiting for space."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Literal

from orchestrator.errors import NotEnoughDisk

DiskFullCause = Literal["space", "quota", "file size"]

_STRERROR: Final[dict[str, DiskFullCause]] = {
    "No space left on device": "space",
    "Disk quota exceeded": "quota",
    "File too large": "file size",
}
"""strerror(3) as ffmpeg prints it: in English always, as it never calls setlocale(3)."""

CAUSES: Final[dict[DiskFullCause, str]] = {
    "space": "no space is left on the disk (ENOSPC)",
    "quota": "the disk quota is used up (EDQUOT)",
    "file size": "the file reached the largest size allowed"
    " (EFBIG, SIGXFSZ: `ulimit -f` or the file system's own limit)",
}

WAIT_S: Final = 5.0
"""How long to wait for space, while frames wait in the queue."""

_POLL_S: Final = 0.5


def cause_in(text: str) -> DiskFullCause | None:
    """The cause that ffmpeg's lines name; None if none."""
    return next((kind for words, kind in _STRERROR.items() if words in text), None)


async def wait_for_space(
    cause: DiskFullCause, has_headroom: Callable[[], bool], stopped: asyncio.Event
) -> None:
    """Returns when the disk has space again; NotEnoughDisk if it has none in time, or at a stop.

    `has_headroom` is called in a thread. After "file size" nothing is awaited: the next is new.
    """
    deadline_s = time.monotonic() + WAIT_S
    while cause != "file size" and not await asyncio.to_thread(has_headroom):
        if stopped.is_set() or time.monotonic() > deadline_s:
            raise NotEnoughDisk(
                f"The recording ended early: {CAUSES[cause]}.",
                "Free some space, raise the quota, or choose another output directory.",
            )
        await asyncio.sleep(_POLL_S)
