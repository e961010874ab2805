"""Looks in the catalog for uploads that are due, and carries them out side by side."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

import structlog

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.table import UploadedFiles
from orchestrator.errors import HavenError
from orchestrator.file_access import FileAccess
from orchestrator.periodic import Periodic
from orchestrator.recordings.output_states import OutputState
from orchestrator.uploads.contents import remove_scratch
from orchestrator.uploads.output_state import OutputGone, UploadState
from orchestrator.uploads.process.slots import Slots
from orchestrator.uploads.upload import Upload

log = structlog.get_logger(__name__)

LOOK_S: Final = 0.5
MOST_DUE: Final = 400
"""Uploads that are looked at."""
BESIDE: Final = 3
"""Files at a time of recordings that still run and whose pieces are followed."""
IDLE_S: Final = 60.0
"""It ends after this time with nothing to do."""


class Uploader:
    """All uploads of a catalog. `stop` ends it; what is unfinished is gone on with later."""

    def __init__(self, catalog: Catalog, access: FileAccess, *, idle_s: float = IDLE_S) -> None:
        self._catalog, self._access, self._idle_s = catalog, access, idle_s
        self._files = UploadedFiles(catalog)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._slots = Slots(catalog)
        self._beside = asyncio.Semaphore(BESIDE)
        self._stopped = asyncio.Event()
        self._busy_s = time.monotonic()

    def stop(self) -> None:
        """End now."""
        self._stopped.set()

    async def run(self) -> None:
        """Until it has had nothing to do for a while, or is stopped."""
        looking = Periodic(self._look, LOOK_S, failure="can't look for uploads; trying again")
        looking.open()
        try:
            await self._stopped.wait()
        finally:
            await looking.close()
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _look(self) -> None:
        for id, task in list(self._running.items()):
            if task.done():
                del self._running[id]
                self._slots.free(id)
        due = await self._files.due(datetime.now(UTC), limit=MOST_DUE)
        for row in due:
            await self._begin(row)
        self._slots.forget_but(due)
        now_s = time.monotonic()
        if due or self._running:
            self._busy_s = now_s
        elif now_s - self._busy_s > self._idle_s:
            self.stop()

    async def _begin(self, row: OutputRow) -> None:
        running = self._running.get(row.id)
        if running is not None and row.wanted == "remove" and running.get_name() != "remove":
            running.cancel()  # the next look ends it
        elif running is None and await self._slots.take(row):
            self._running[row.id] = asyncio.create_task(self._upload(row), name=row.wanted)

    async def _upload(self, row: OutputRow) -> None:
        try:
            await Upload(self._catalog, row, self._access, self._beside).run()
        except HavenError as error:  # the catalog is busy, or the row's secrets can't be read
            log.error("an upload can't go on", output=row.id, error=error.error)
            await asyncio.sleep(5 * LOOK_S)
        except Exception as error:
            log.exception("an upload failed", output=row.id)
            await self._give_up(row, error)

    async def _give_up(self, row: OutputRow, error: Exception) -> None:
        failure = HavenError(
            f"The upload failed: {type(error).__name__}.",
            "This is a fault of the recorder; see its log. The recording is kept here.",
        )
        try:
            await UploadState(self._catalog, row).failed(OutputState.FAILED, failure, None)
        except (HavenError, OutputGone) as problem:
            log.error("its state was not written", output=row.id, error=str(problem))
        await remove_scratch(row.id)
