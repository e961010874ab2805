"""Whether an ffmpeg still works: its CPU time or its progress advances. Pure.

CPU time counts because an ffmpeg that flushes its encoder may report nothing for half a minute;
progress counts because one that copies to a slow disk uses next to no CPU time.
"""

from __future__ import annotations

from typing import Final

_SHARE: Final = 0.02
"""Of a core, since it last worked: a blocked ffmpeg uses less."""

_LEAST_CPU_S: Final = 0.02
"""Two ticks of the kernel's count."""


class Activity:
    """When one process last worked, from looks at it."""

    def __init__(self, now_s: float, cpu_s: float | None, progress: object = None) -> None:
        """`progress`: whatever changes as it advances."""
        self._worked_s, self._cpu_s, self._progress = now_s, cpu_s or 0.0, progress

    def idle_s(self, now_s: float, cpu_s: float | None, progress: object = None) -> float:
        """For how long it hasn't worked. Without CPU time (it is unknown) only progress counts."""
        used_s = 0.0 if cpu_s is None else cpu_s - self._cpu_s
        least_s = max(_LEAST_CPU_S, _SHARE * (now_s - self._worked_s))
        if used_s >= least_s or progress != self._progress:
            self._worked_s, self._progress = now_s, progress
            self._cpu_s = self._cpu_s if cpu_s is None else cpu_s
        return now_s - self._worked_s
