"""Named streams that ffmpeg reads from an address.

Whether somebody sends is known when it is read: lists show it as unknown, and a start just tries.
For a watch, which would try again and again, an ffmpeg of the server looks: it connects for a
moment, or waits for a publisher, who has to connect once more when the recording has begun.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog

from orchestrator.errors import HavenError, NotLive, SourceBusy, SourceError, SourceUnreachable
from orchestrator.media import Publication, UrlEndpoint
from orchestrator.settings.groups.encoding import EncodingSettings
from orchestrator.settings.groups.streams import StreamSettings
from orchestrator.url_input.address import Address, address_of
from orchestrator.url_input.command import arguments, listing
from orchestrator.url_input.failure import (
    cannot_start,
    failure_of,
    foreign_publisher,
    last_error,
)
from orchestrator.url_input.process import InputProcess
from orchestrator.url_input.program import FFmpegProgram, program

log = structlog.get_logger(__name__)

ANSWER_S: Final = 7.0
"""Longest wait for a stream to which we connect."""

LISTENING_S: Final = 300.0
"""So long an address is open for a publisher after a watch has looked; each look begins anew."""

SEEN_S: Final = 30.0
"""For so long a stream that was seen counts as live: its publisher has to come back meanwhile."""

MOST_LOOKS: Final = 32
"""Processes that look at the same time."""

AGAIN_S: Final = 0.3
"""Before the port is opened again after a publisher who isn't ours."""

AGAIN: Final[Mapping[str, float]] = {"retry_within_s": 60.0}
"""A sender that is off looks like a wrong address: it is looked for every minute."""

_ABSENT: Final = re.compile(r"\b404\b|Not Found|StreamNotFound", re.I)
"""The server is there and has no such stream now."""


class UrlStreams:
    """The kind `url` (stream_kinds.StreamKind)."""

    def __init__(
        self,
        settings: EncodingSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._clock = settings or EncodingSettings(), clock
        self._looks: dict[str, asyncio.Task[HavenError | None]] = {}
        self._seen: dict[str, float] = {}
        self.on_seen: Callable[[str], None] = lambda id: None
        """Called with the id of a stream to which somebody publishes, who has to connect again."""

    async def look(self, id: str, defined: StreamSettings) -> list[Publication] | None:
        """Unknown."""
        return None

    async def watched(self, id: str, defined: StreamSettings) -> None:
        """Returns if somebody sends; NotLive while nobody does, or the SourceError why it isn't
        known. Asks each server once at a time.

        A look that listens goes on in the background: how it ended is said the next time.
        """
        assert defined.url is not None
        address = address_of(defined.url)
        if await self.is_live(id):
            return
        earlier = self._looks.get(id)
        if earlier is not None and earlier.done():
            del self._looks[id]
            if earlier.result() is None:
                return  # seen, however long the last round of watches took
            earlier = earlier if address.listens else None
        look = self._looks.get(id) or self._begin(id, address)
        if not address.listens:
            await asyncio.wait({look}, timeout=ANSWER_S)
            earlier = look
        if earlier is None or not earlier.done() or earlier.cancelled():
            raise _nobody(address)
        if (problem := earlier.result()) is not None:
            raise problem

    async def is_live(self, id: str) -> bool | None:
        """Live if it was seen just now, else unknown."""
        return self._clock() - self._seen.get(id, -SEEN_S) < SEEN_S or None

    async def endpoint(self, id: str, defined: StreamSettings) -> UrlEndpoint:
        """Its address; nobody else listens there any more."""
        assert defined.url is not None
        await self._end(id)
        return UrlEndpoint(defined.url)

    async def forget(self, id: str) -> None:
        """It isn't looked for any more: its port is closed."""
        self._seen.pop(id, None)
        await self._end(id)

    async def close(self) -> None:
        """Ends all processes that look."""
        for id in tuple(self._looks):
            await self._end(id)

    async def _end(self, id: str) -> None:
        look = self._looks.pop(id, None)
        if look is not None:
            look.cancel()
            await asyncio.gather(look, return_exceptions=True)

    def _begin(self, id: str, address: Address) -> asyncio.Task[HavenError | None]:
        if sum(not each.done() for each in self._looks.values()) >= MOST_LOOKS:
            raise SourceBusy(f"{MOST_LOOKS} other streams are looked for now.")
        look = self._looks[id] = asyncio.create_task(self._look(id, address))
        return look

    async def _look(self, id: str, address: Address) -> HavenError | None:
        """None if somebody sends, else why that isn't so or isn't known."""
        try:
            problem = await self._until_answered(address)
        except HavenError as error:
            problem = error
        except Exception:  # a task's boundary: other streams are looked for all the same
            log.exception("looking for a stream failed", stream=id)
            problem = SourceError(f"Looking for {id} failed.", "The server's log says why.")
        if problem is None:
            self._seen[id] = self._clock()
            if address.listens:
                self.on_seen(id)
        return problem

    async def _until_answered(self, address: Address) -> HavenError | None:
        """A publisher who isn't ours keeps ours away for a moment only."""
        found = await asyncio.to_thread(program, self._settings)
        problem: HavenError | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTENING_S if address.listens else ANSWER_S):
                while True:
                    process = InputProcess(None, address.secrets)
                    try:
                        code = await _run(process, found, address)
                    finally:
                        await process.stop()
                    said = process.said()
                    if code != 0:
                        return _failure(address, said)
                    if (problem := foreign_publisher(address, said)) is None:
                        return None
                    await asyncio.sleep(AGAIN_S)
        return problem or _nobody(address)


async def _run(process: InputProcess, found: FFmpegProgram, address: Address) -> int | None:
    """Its exit code: 0 if packets came."""
    command = arguments(found.path, address, look=True)
    try:
        await process.start_looking(command, listing(address), found.environment)
    except OSError as error:
        raise cannot_start(error) from error
    return await process.wait()


def _nobody(address: Address) -> HavenError:
    if address.listens:
        return NotLive(f"Nobody publishes to {address.shown} now.", "A watch waits there.")
    return SourceUnreachable(
        f"Nothing that can be read came from {address.shown} within {ANSWER_S:g} s.",
        "Check the address, and that it is live now.",
        **AGAIN,
    )


def _failure(address: Address, said: Sequence[str]) -> HavenError:
    if address.scheme != "file" and _ABSENT.search(last_error(said) or ""):
        return NotLive(f"Nobody sends {address.shown} now: {last_error(said)}.")
    problem = failure_of(address, said)
    problem.context |= AGAIN
    return problem
