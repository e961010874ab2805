"""Looks at everything once a second, whoever asks: clients share what one look has found."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from orchestrator.api.monitoring.snapshot import Snapshot
from orchestrator.api.service import Manager
from orchestrator.catalog.models import Recording
from orchestrator.errors import HavenError
from orchestrator.monitor.history import History
from orchestrator.monitor.machine import MachineMeter
from orchestrator.monitor.usage import ProcessUsage, RoleUsage
from orchestrator.recordings.admission import limit_cores

log = structlog.get_logger(__name__)

PERIOD_S: Final = 1.0


class Observer:
    """The server's one sampler. What workers and ffmpegs use the workers measure and report:
    they are nearest, it outlives the server, and `orchestrator record` needs no server."""

    def __init__(self, manager: Manager) -> None:
        self.history = History()
        self.failures = 0
        """Looks that failed."""
        self.look_cpu_s = 0.0
        """CPU time of the last look's own thread: samples, and the sums of them."""
        self._manager = manager
        self._machine = MachineMeter()
        self._server = ProcessUsage(os.getpid())
        self._reserve = RoleUsage()
        self._looking = asyncio.Lock()
        self._latest: Snapshot | None = None
        self._latest_s = 0.0
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begins to look once a second."""
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Ends it."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def latest(self) -> Snapshot:
        """The newest look, at most two periods old; an error of the catalog is raised."""
        async with self._looking:
            if self._latest is None or time.monotonic() - self._latest_s > 2 * PERIOD_S:
                await self._look()
            assert self._latest is not None
            return self._latest

    async def look(self) -> None:
        """Looks now."""
        async with self._looking:
            await self._look()

    async def _watch(self) -> None:
        next_s = time.monotonic()
        while True:
            try:
                await self.look()
            except HavenError as error:
                self.failures += 1
                log.warning("can't look at what runs", error=error.error)
            except Exception:  # a task's boundary: whatever it was, look again in a second
                self.failures += 1
                log.exception("can't look at what runs")
            next_s = max(next_s + PERIOD_S, time.monotonic())
            await asyncio.sleep(next_s - time.monotonic())

    async def _look(self) -> None:
        directory = await self._manager.output_directory()
        rows = tuple(await self._manager.active())
        self._latest = await asyncio.to_thread(self._sample, directory, rows)
        self._latest_s = time.monotonic()

    def _sample(self, directory: Path, rows: tuple[Recording, ...]) -> Snapshot:
        began_s = time.thread_time()
        machine, server = self._machine.sample(directory), self._server.sample()
        assert server is not None, "we live"
        snapshot = Snapshot(
            at=datetime.now(UTC),
            machine=machine,
            server=server,
            reserve=self._reserve.sample(self._manager.worker_in_reserve()),
            recordings=rows,
            limit_cores=limit_cores(machine.cores, self._manager.settings),
        )
        self.history.add(machine, snapshot.share)
        self.look_cpu_s = time.thread_time() - began_s
        return snapshot
