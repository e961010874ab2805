"""How many threads an encoder gets. Pure.

As few as keep pace: libaom takes up to a tenth more CPU for the same frames on two threads than
on one (docs/lab-notes.md), SVT-AV1 a quarter, and others wait for each other on a full machine.
"""

from __future__ import annotations

import math
from typing import Final

BUSY: Final = 0.6
"""How much of a core one thread may have to do on the average: keyframes and frames that are
harder than most take more for a while, and the queue holds seconds, not minutes."""


def threads_for(cores: float) -> int:
    """For an encoder that takes so many cores in all."""
    return max(1, math.ceil(cores / BUSY))
