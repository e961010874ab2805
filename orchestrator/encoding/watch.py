"""Tells an ffmpeg that stands still from one that is slow, starting or starved. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

_IDLE_CPU: float = 0.02
"""Part of a core below which a process does nothing that counts."""


@dataclass(slots=True)
class Watch:
    """Looks at one run; `look` gives the reason to kill it, or None.

    Starved (nothing was fed since its last progress, and nothing waits) is not its fault. Blocked
    (fed, no progress, no CPU time) is certain after `stall_s`. Fed and busy without progress may be
    an overloaded machine: it gets `busy_s`.
    """

    started_s: float
    start_timeout_s: float
    stall_s: float
    busy_s: float = 30.0
    _moved_s: float = field(default=0.0, init=False)
    _fed: int = field(default=0, init=False)
    _idle_since_s: float = field(default=0.0, init=False)
    _cpu: tuple[float, float] | None = field(default=None, init=False)

    def look(
        self,
        now_s: float,
        *,
        begun: bool,
        moved_s: float,
        fed: int | None,
        cpu_s: float | None,
        waiting: bool = False,
    ) -> str | None:
        """Why the run has to be ended, as of `now_s`.

        `moved_s`: when its progress last moved; `waiting`: it is fed more as soon as it takes it.
        """
        self._note_cpu(now_s, cpu_s)
        if moved_s != self._moved_s:
            self._moved_s, self._fed = moved_s, fed or 0
        if not begun:
            late = now_s - self.started_s >= self.start_timeout_s
            return f"no frame encoded within {self.start_timeout_s:g} s" if late else None
        if fed is not None and fed <= self._fed and not waiting:
            return None
        return self._stalled(now_s)

    def _stalled(self, now_s: float) -> str | None:
        still_s = now_s - self._moved_s
        if still_s >= self.stall_s and now_s - self._idle_since_s >= self.stall_s:
            return f"it stands still: no progress and no CPU time for {still_s:.1f} s"
        if still_s >= self.busy_s:
            return f"no progress for {still_s:.1f} s, though it is busy"
        return None

    def _note_cpu(self, now_s: float, cpu_s: float | None) -> None:
        if cpu_s is None:
            return
        if self._cpu is None:
            self._cpu, self._idle_since_s = (now_s, cpu_s), now_s
            return
        then_s, used_s = self._cpu
        if cpu_s - used_s > _IDLE_CPU * (now_s - then_s):
            self._idle_since_s = now_s
        self._cpu = (now_s, cpu_s)
