"""How many chunks are encoded at once. Blocking, for a millisecond."""

from __future__ import annotations

import math
from typing import Final

import psutil

from orchestrator.monitor import cgroup
from orchestrator.monitor.machine import cores_allowed

FRAMES_HELD: Final = 160
"""Raw frames that a slow encoder and its decoder hold, at most: look-ahead, references, queues."""
BASE_BYTES: Final = 150 * 2**20
"""What an ffmpeg takes beside them."""
MOST_THREADS: Final = 16


def jobs_for(width: int, height: int) -> int:
    """As many as there are cores (affinity, cgroup quota), as far as the free memory goes.

    And one more, so that no core waits when the last ones end one after the other.
    """
    each = BASE_BYTES + FRAMES_HELD * width * height * 3 // 2
    cores = math.ceil(cores_allowed())
    return max(1, min(cores + 1 if cores > 1 else 1, _free_bytes() // each))


def threads_for(jobs: int) -> int:
    """For each encoder: its share of the cores. Two threads take more CPU than one for the same."""
    return min(math.ceil(math.ceil(cores_allowed()) / jobs), MOST_THREADS)


def _free_bytes() -> int:
    free = int(psutil.virtual_memory().available)
    limit = cgroup.limits().memory
    used = cgroup.memory_bytes(limit.group) if limit else None
    if limit is None or used is None:
        return free
    return min(free, max(int(limit.value) - used, 0))
