"""Starts the process that uploads when there is something to upload, and again if it dies.

It isn't ended with the server: it ends by itself when it has nothing to do, and a new server finds
it by its lock.
"""

from __future__ import annotations

import asyncio
import signal
import time
from datetime import UTC, datetime
from typing import Final

import structlog

from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.table import UploadedFiles
from orchestrator.errors import HavenError
from orchestrator.periodic import Periodic
from orchestrator.server.launcher import LocalLauncher, WorkerHandle
from orchestrator.settings import Settings
from orchestrator.uploads.process.job import UploaderJob, log_path
from orchestrator.uploads.process.lock import uploader_of

log = structlog.get_logger(__name__)

MODULE: Final = "orchestrator.uploads.process"
LOOK_S: Final = 1.0
AGAIN_S: Final = 5.0
"""Between two starts, should each die at once."""


class UploaderKeeper:
    """Keeps an uploader running while it is needed, from `open` to `close`."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._settings, self._catalog = settings, catalog
        self._files = UploadedFiles(catalog)
        self._launcher = LocalLauncher(module=MODULE, held=signal.SIGTERM)
        self._started: WorkerHandle | None = None
        """The last one of this server."""
        self._started_s = float("-inf")
        self._looking = Periodic(
            self.look, LOOK_S, failure="the uploader can't be started; trying again"
        )

    def open(self) -> None:
        """Begin."""
        self._looking.open()

    async def close(self) -> None:
        """No more starts; an uploader that runs goes on."""
        await self._looking.close()
        await self._launcher.close(leave=True)

    async def look(self) -> None:
        """Starts it if it is needed."""
        self._launcher.reap()
        if time.monotonic() - self._started_s < AGAIN_S:
            return
        if self._started is not None and self._launcher.alive(self._started):
            return
        if not await self._files.due(datetime.now(UTC), limit=1):
            return
        if await asyncio.to_thread(uploader_of, self._catalog.path) is None:
            await self._start()

    async def _start(self) -> None:
        self._started_s = time.monotonic()
        path = log_path(self._catalog.path)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        job = UploaderJob(self._settings)
        try:
            self._started = await self._launcher.start(job.line(), path)
        except (HavenError, OSError) as error:
            log.warning("the uploader wasn't started", error=str(error))
