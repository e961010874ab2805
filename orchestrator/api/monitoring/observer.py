"""Samples everything once a second; all clients share the same snapshot."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from orchestrator.api.manager_protocol import Manager
from orchestrator.api.monitoring.snapshot import Snapshot
from orchestrator.capacity.admission import limit_cores
from orchestrator.catalog.models import Recording
from orchestrator.monitor.history import History
from orchestrator.monitor.machine import MachineMeter
from orchestrator.monitor.usage import ProcessUsage, RoleUsage, Usage
from orchestrator.periodic import Periodic

log = structlog.get_logger(__name__)

PERIOD_S: Final = 1.0


class Observer:
    """The server's sampler. Workers measure and report what they and their ffmpeg use: this
    survives a restart of the server, and `orchestrator record` needs no server."""

    def __init__(self, manager: Manager) -> None:
        self.history = History()
        """Number of failed samples."""
        self.sample_cpu_s = 0.0
        """CPU time of the last sample's thread."""
        self._manager = manager
        self._machine = MachineMeter()
        self._server = ProcessUsage(os.getpid())
        self._reserve = RoleUsage()
        self._publishers: dict[str, RoleUsage] = {}
        """By stream."""
        self._lock = asyncio.Lock()
        self._latest: Snapshot | None = None
        self._latest_s = 0.0
        self._looking = Periodic(
            self.look, PERIOD_S, failure="can't sample recordings and processes; trying again"
        )

    @property
    def failures(self) -> int:
        """Samples that failed."""
        return self._looking.failures

    async def open(self) -> None:
        """Starts sampling once a second."""
        self._looking.open()

    async def close(self) -> None:
        """Ends it."""
        await self._looking.close()

    async def latest(self) -> Snapshot:
        """The newest look, at most two periods old; an error of the catalog is raised."""
        async with self._lock:
            if self._latest is None or time.monotonic() - self._latest_s > 2 * PERIOD_S:
                await self._look()
            assert self._latest is not None
            return self._latest

    async def look(self) -> None:
        """Takes a sample now."""
        async with self._lock:
            await self._look()

    async def _look(self) -> None:
        directory = await self._manager.output_directory()
        rows = tuple(await self._manager.active())
        held = await self._manager.publishers.processes()
        self._latest = await asyncio.to_thread(self._sample, directory, rows, held)
        self._latest_s = time.monotonic()

    def _sample(
        self, directory: Path, rows: tuple[Recording, ...], held: dict[int, str]
    ) -> Snapshot:
        began_s = time.thread_time()
        machine, server = self._machine.sample(directory), self._server.sample()
        assert server is not None, "this process exists"
        snapshot = Snapshot(
            at=datetime.now(UTC),
            machine=machine,
            server=server,
            reserve=self._reserve.sample(self._manager.worker_in_reserve()),
            publishers=self._of_publishers(held, {row.worker_pid for row in rows}),
            recordings=rows,
            limit_cores=limit_cores(machine.cores, self._manager.settings),
        )
        self.history.add(machine, snapshot.share)
        self.sample_cpu_s = time.thread_time() - began_s
        return snapshot

    def _of_publishers(
        self, held: dict[int, str], workers: set[int | None]
    ) -> tuple[tuple[str, Usage], ...]:
        """Those that record nothing: workers measure themselves."""
        idle = {stream: pid for pid, stream in held.items() if pid not in workers}
        self._publishers = {each: self._publishers.get(each, RoleUsage()) for each in idle}
        usages = [(each, self._publishers[each].sample(pid)) for each, pid in idle.items()]
        return tuple((each, usage) for each, usage in usages if usage is not None)
