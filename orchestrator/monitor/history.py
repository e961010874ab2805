"""The machine's last minutes, sample by sample, in memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from orchestrator.monitor.machine import MachineUsage

KEPT: Final = 600
"""Samples kept: ten minutes, one each second."""


@dataclass(frozen=True, slots=True)
class Share:
    """What of the machine is used by the server and all recordings together."""

    cpu_cores: float | None
    memory_bytes: int | None
    """Resident; pages that several processes share are counted for each."""


class History:
    """The newest samples of the machine and of our share of it; bounded."""

    def __init__(self, kept: int = KEPT) -> None:
        self._samples: deque[tuple[MachineUsage, Share]] = deque(maxlen=kept)

    def add(self, machine: MachineUsage, ours: Share) -> None:
        """One more; the oldest goes when there are too many."""
        self._samples.append((machine, ours))

    def newest(self, count: int) -> list[tuple[MachineUsage, Share]]:
        """At most so many, oldest first."""
        return list(self._samples)[-count:]
