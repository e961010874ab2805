"""Waits for a recording's first frame, or for the reason why none will come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from orchestrator.catalog.models import Recording
from orchestrator.media import TITLES
from orchestrator.recordings.outcome import stopped_early
from orchestrator.worker.tracks.capture import Capture

UNSUPPORTED_WAIT_S: Final = 4.0
"""How long to wait for a backup codec when a video's codec can't be received."""


MUTED_WAIT_S: Final = 3.0
"""How long everybody may be muted before a start fails."""

ENCRYPTED_WAIT_S: Final = 0.5
"""For so long nothing else may be published where no key decrypts what is. That a key isn't the
right one took a second or two to find out."""

UNBEGUN_WAIT_S: Final = 1.0
"""The same where a key was found wrong, and nothing comes of another one that needs a key."""

_LOOK_S: Final = 0.1


async def until_first_frame(
    recording: Recording, capture: Capture, stop: asyncio.Future[str], timeout_s: float
) -> None:
    """Returns when something is recorded; raises the reason when nothing will be."""
    began = asyncio.create_task(capture.began.wait())
    hopeless = [asyncio.create_task(_unsupported(capture))]
    if recording.started_at is None:  # one that is resumed goes on, whoever is muted or left out
        more = (*_encrypted(capture), _muted(capture), _left_out(capture))
        hopeless += [asyncio.create_task(each) for each in more]
    waits: set[asyncio.Future[Any]] = {began, *hopeless, capture.closed, stop}
    try:
        await _in_time(waits, lambda: _has_time(recording, capture), timeout_s)
    finally:
        for each in (began, *hopeless):
            each.cancel()
    if capture.began.is_set():
        return
    if stop.done():
        raise stopped_early(recording.stream_id)
    if capture.closed.done() and (why := capture.closed.result().error):
        raise why
    if (cannot_hold := capture.cannot_hold()) is not None:
        raise cannot_hold
    listed_by = recording.stream["discovery"]
    raise capture.selection.why_nothing(TITLES.get(listed_by, listed_by))


def _has_time(recording: Recording, capture: Capture) -> bool:
    """Whether nothing is expected now.

    One that is resumed waits for who unmutes or publishes, as it would have without the worker's
    death (`unpublished_timeout_s`).
    """
    selection = capture.selection
    nobody = selection.everybody_muted or selection.idle_since is not None
    return capture.paused is not None or (recording.started_at is not None and nobody)


async def _in_time(
    waits: set[asyncio.Future[Any]], has_time: Callable[[], bool], timeout_s: float
) -> None:
    """Until one of them is done, or after this time, which doesn't count while it `has_time`."""
    left_s = timeout_s
    while left_s > 0:
        began_s = time.monotonic()
        done, _ = await asyncio.wait(
            waits, timeout=min(left_s, _LOOK_S), return_when=asyncio.FIRST_COMPLETED
        )
        if done:
            return
        left_s = timeout_s if has_time() else left_s - (time.monotonic() - began_s)


async def until_written(
    recording: Recording, capture: Capture, ends: Iterable[asyncio.Future[Any]], deadline_s: float
) -> None:
    """Returns when one of `ends` has come; raises why nothing of what came can be written.

    `deadline_s`: on the monotonic clock. A recording that is resumed waits on: others may publish.
    """
    while not (await asyncio.wait(ends, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED))[0]:
        if recording.started_at is not None or time.monotonic() < deadline_s:
            continue
        if (cannot_write := capture.cannot_write()) is not None:
            raise cannot_write


async def _left_out(capture: Capture) -> None:
    """Returns when the file can't hold something selected."""
    await capture.left_out.wait()


async def _unsupported(capture: Capture) -> None:
    """Returns when the only video stays one that can't be received."""
    while True:
        await asyncio.sleep(UNSUPPORTED_WAIT_S)
        if capture.unsupported is not None:
            return


async def _muted(capture: Capture) -> None:
    """Returns when everybody has been muted for a while."""
    await _while(lambda: capture.selection.everybody_muted, MUTED_WAIT_S)


def _encrypted(capture: Capture) -> tuple[Coroutine[Any, Any, None], ...]:
    """Each returns when for a while nothing can be decrypted."""
    selection = capture.selection
    return (
        _while(lambda: selection.encrypted is not None, ENCRYPTED_WAIT_S),
        _while(lambda: selection.encrypted_so_far is not None, UNBEGUN_WAIT_S),
    )


async def _while(holds: Callable[[], bool], for_s: float) -> None:
    since = time.monotonic()
    while time.monotonic() - since < for_s:
        await asyncio.sleep(_LOOK_S)
        if not holds():
            since = time.monotonic()
