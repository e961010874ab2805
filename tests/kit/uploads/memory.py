"""What processes take of memory while something happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import psutil

Processes = Callable[[], Mapping[str, Sequence[psutil.Process]]]
"""Those that run now, by what they are."""
PERIOD_S = 1.0


class Memory:
    """The most that all processes of a kind took together: PSS, in bytes."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self.most: dict[str, int] = {}

    def look(self) -> None:
        """Measures once. Blocking."""
        for name, found in self._processes().items():
            self.most[name] = max(self.most.get(name, 0), sum(map(_pss, found)))

    def __str__(self) -> str:
        return ", ".join(f"{name} {most / 2**20:.0f} MB" for name, most in self.most.items())


@asynccontextmanager
async def memory_of(processes: Processes) -> AsyncIterator[Memory]:
    """Measures once a second while the context is open."""
    memory = Memory(processes)

    async def measure() -> None:
        while True:
            await asyncio.to_thread(memory.look)
            await asyncio.sleep(PERIOD_S)

    measuring = asyncio.create_task(measure())
    try:
        yield memory
    finally:
        measuring.cancel()
        await asyncio.gather(measuring, return_exceptions=True)


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
