"""After a crash of server and worker, records a stream that is still live in a new recording.

The file of the crashed recording is final by then; the time between the two isn't recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError
from orchestrator.recordings.catalog_polling import poll_until
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.encryption.stream_keys import unsealed
from orchestrator.recordings.limits import LEAST_BYTES, LEAST_S, Limits
from orchestrator.recordings.outcome import is_final
from orchestrator.recordings.start_request import StartedBy, StartRequest
from orchestrator.server.when_full import encode_instead

log = structlog.get_logger(__name__)

FINISH_TIME_S: Final = 600.0
"""How long the crashed recording may take to become a file; until then its stream is taken."""

_Number = TypeVar("_Number", int, float)


class Resumption:
    """Starts a new recording for each that a crash ended, as soon as that one is final."""

    def __init__(
        self, catalog: Catalog, start: Callable[[StartRequest], Awaitable[Recording]]
    ) -> None:
        self._catalog, self._start = catalog, start
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, recording: Recording) -> None:
        """Resume recording its stream, unless it was to stop or was paused. `recording`: as it was
        before it became final, with its keys."""
        if recording.wanted == "stop" or recording.pause is not None:
            return
        task = asyncio.create_task(self._go_on(recording))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up the recordings that have not started yet."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _go_on(self, recording: Recording) -> None:
        try:
            ended = await poll_until(self._catalog, recording.id, is_final, FINISH_TIME_S)
            if ended is not None and (left := limits_left(ended)) is not None:
                keys = await unsealed(self._catalog, recording.e2ee)
                new = await self._start(replace(request_of(ended, left), e2ee=keys))
                await self._log_event(recording, f"Recording resumed as {new.id}.")
        except HavenError as error:
            await self._log_event(recording, f"Recording not resumed: {error.error}")

    async def _log_event(self, recording: Recording, message: str) -> None:
        log.info("resume after a crash", recording=recording.id, message=message)
        try:
            await self._catalog.add_event(recording.id, "resumed_as", message)
        except HavenError as error:
            log.warning("event not written", recording=recording.id, error=error.error)


def limits_left(ended: Recording) -> Limits | None:
    """The recording's limits less what is recorded; None when they are reached."""
    limits = Limits.from_dict(ended.limits)
    left = replace(
        limits,
        max_duration_s=_less(limits.max_duration_s, ended.duration_s),
        max_size_bytes=_less(limits.max_size_bytes, ended.size_bytes),
    )
    if left.max_duration_s is not None and left.max_duration_s < LEAST_S:
        return None
    if left.max_size_bytes is not None and left.max_size_bytes < LEAST_BYTES:
        return None
    return left


def _less(limit: _Number | None, used: _Number | None) -> _Number | None:
    return limit if limit is None or used is None else limit - used


def request_of(recording: Recording, limits: Limits) -> StartRequest:
    """Its own request, for the same folder; without its keys.

    One that was copied for lack of capacity asks again for what it asked for.
    """
    encode = EncodeOptions.from_dict(recording.encode) if recording.encode else None
    asked = recording.instead_of
    if asked is not None and encode == encode_instead(asked, recording.video_quality):
        encode = None  # nobody asked for that
    copies = recording.tracks is not None and asked is None
    return StartRequest(
        stream_id=recording.stream_id,
        # One pipeline that copies makes several formats.
        output_format=recording.output_format if copies else None,
        pipeline=asked or recording.pipeline,
        video_quality=recording.video_quality,
        audio_quality=recording.audio_quality,
        output_directory=str(Path(recording.output_path).parent),
        limits=limits,
        started_by=StartedBy(recording.started_by),
        encode=encode,
        tracks=recording.tracks if copies else None,
    )
