"""What a server does beside its recordings: clean-up, missing checksums, retention, calibration,
and the end of outputs that nobody makes any more."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from orchestrator.capacity.calibration import BackgroundCalibration
from orchestrator.catalog.store import Catalog
from orchestrator.periodic import Periodic
from orchestrator.recordings.checksums import add_missing_checksums
from orchestrator.recordings.left_outputs import end_all_left
from orchestrator.server.encoders import Encoders
from orchestrator.server.housekeeping.cleanup import CleanUp
from orchestrator.server.housekeeping.retention import Retention, Rule
from orchestrator.settings import Settings

LEFT_S: Final = 60.0
"""Between two looks at outputs that a killed worker left, or that came when it was ending."""


class Maintenance:
    """Runs in the background from `open` to `close`; nobody waits for it."""

    def __init__(self, settings: Settings, catalog: Catalog, encoders: Encoders) -> None:
        self._settings, self._catalog, self._encoders = settings, catalog, encoders
        self._clean_up = CleanUp(catalog, settings.file_access)
        self._retention = Retention(Rule.of(settings), catalog)
        self._calibration = BackgroundCalibration(catalog, encoders.ffmpeg)
        self._ending_outputs = Periodic(
            partial(end_all_left, catalog), LEFT_S, failure="outputs of ended recordings stay open"
        )
        self._adding_checksums: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin; the pipelines are loaded."""
        self._clean_up.open()
        self._adding_checksums = asyncio.create_task(add_missing_checksums(self._catalog))
        self._retention.open()
        self._ending_outputs.open()
        if self._settings.calibrate_at_start:
            self._calibration.open(self._encoders.pipelines.by_name.values())

    async def close(self) -> None:
        """Leave what isn't done to the next server; may be called without `open`."""
        if self._adding_checksums is not None:
            self._adding_checksums.cancel()
            await asyncio.gather(self._adding_checksums, return_exceptions=True)
        await self._clean_up.close()
        await self._calibration.close()
        await self._retention.close()
        await self._ending_outputs.close()
