"""Starts the process of an encode, and knows whether it runs and why it died."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from orchestrator.catalog.encode_model import Encode
from orchestrator.catalog.encodes import Encodes
from orchestrator.errors import HavenError
from orchestrator.server.launcher import LocalLauncher
from orchestrator.server.recording_workers import worker_of
from orchestrator.settings import Settings
from orchestrator.transcoding.process.job import EncodeJob, log_path

log = structlog.get_logger(__name__)

MODULE: Final = "orchestrator.transcoding.process"

STOP_S: Final = 30.0
"""From SIGTERM to SIGKILL."""

_POLL_S: Final = 0.05

LONGEST_TAIL: Final = 500
"""Characters of a log that an error quotes."""


class EncodeProcesses:
    """Processes of encodes, also those that an earlier server started."""

    def __init__(self, settings: Settings, encodes: Encodes) -> None:
        self._settings, self._encodes = settings, encodes
        self._launcher = LocalLauncher(module=MODULE, held=signal.SIGTERM)

    def reap(self) -> None:
        """Let go of those that have ended."""
        self._launcher.reap()

    def alive(self, row: Encode) -> bool | None:
        """Whether its process runs; None when its row names none."""
        process = worker_of(row)
        return None if process is None else self._launcher.alive(process)

    async def start(self, row: Encode) -> None:
        """Starts its next process, unless another server does."""
        started = {} if row.started_at else {"started_at": datetime.now(UTC)}
        if not await self._encodes.claim(row.id, row.starts, **started):
            return
        number = row.starts + 1
        job = EncodeJob(row.id, number, self._settings)
        try:
            process = await self._launcher.start(job.line(), log_path(row.id))
        except (HavenError, OSError) as error:
            log.warning("the process of an encode wasn't started", encode=row.id, error=str(error))
            return  # it counts as one that died
        await self._encodes.change(
            row.id,
            starts=number,
            worker_pid=process.pid,
            worker_created=process.created,
            worker_boot=process.boot,
        )

    def end(self, row: Encode) -> bool:
        """Tells its process to stop; False if none is known that runs."""
        process = worker_of(row)
        return process is not None and self._launcher.end(process)

    async def kill(self, row: Encode) -> None:
        """Ends its process at once."""
        if (process := worker_of(row)) is not None:
            await self._launcher.kill(process)

    async def close(self, ending: Sequence[Encode]) -> None:
        """Waits for those that are about to end, also for those that an earlier server started."""
        for row in ending:
            await self._wait_gone(row)
            await self.kill(row)
        await self._launcher.close(leave=False)

    async def _wait_gone(self, row: Encode) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                while self.alive(row):  # noqa: ASYNC110 - it ends without an event
                    await asyncio.sleep(_POLL_S)


def last_words(encode_id: str) -> str:
    """What the process wrote last into its log; blocking."""
    try:
        lines = log_path(encode_id).read_text("utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return " ".join(lines[-2:])[-LONGEST_TAIL:]
