"""What a push has sent, for its status."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.encoding.process.progress import Progress

_SPAN_S: Final = 2.0
"""Seconds that rates are measured over."""
_FLOWS_S: Final = 0.3
"""So much has to go on behind what went at first, before it counts as sent: a server may take the
first packets and then refuse."""


@dataclass(slots=True)
class PushFigures:
    """Over all connections of a push."""

    encodes: tuple[str, ...] = ()
    """What is encoded again for it: `video`, `audio`."""
    connections: int = 0
    connected_at: datetime | None = None
    """Since when it sends; None while it doesn't."""
    skips: int = 0
    skipped_s: float = 0.0
    undecodable: int = 0
    """Packets of microphones that are left out of the mix."""
    behind_s: float | None = None
    _skips_before: tuple[int, float] = (0, 0.0)
    _undecodable_before: int = 0
    _flows: bool = False
    _before_bytes: int = 0
    _bytes: int | None = None
    _rates: dict[str, float | None] = field(default_factory=dict)
    _looked: tuple[float, Progress, float] | None = None

    @classmethod
    def after(cls, earlier: Mapping[str, Any], *, active: bool) -> PushFigures:
        """Goes on with those that an earlier worker has written; `active`: while it was sent."""
        reconnects = earlier.get("reconnects") or 0
        skips = earlier.get("skips") or 0, earlier.get("skipped_s") or 0.0
        undecodable = earlier.get("undecodable") or 0
        return cls(
            connections=reconnects + 1 if active or reconnects or earlier.get("bytes") else 0,
            skips=skips[0],
            skipped_s=skips[1],
            undecodable=undecodable,
            _skips_before=skips,
            _undecodable_before=undecodable,
            _before_bytes=earlier.get("bytes") or 0,
        )

    def skipped(self, skips: int, skipped_s: float) -> None:
        """What this worker has left out."""
        self.skips = self._skips_before[0] + skips
        self.skipped_s = self._skips_before[1] + skipped_s

    def mixed(self, undecodable: int) -> None:
        """What this connection's mix has left out."""
        self.undecodable = self._undecodable_before + undecodable

    def connected(self) -> None:
        """A new connection sends."""
        self.connections += 1
        self.connected_at = datetime.now(UTC)

    def disconnected(self) -> None:
        """It has ended."""
        self._before_bytes += self._bytes or 0
        self._undecodable_before = self.undecodable
        self.connected_at = self._bytes = self._looked = self.behind_s = None
        self._rates, self._flows = {}, False

    def look(self, run: Run) -> bool:
        """Takes ffmpeg's latest report; whether there is something new: it began to flow, or rates
        were measured."""
        progress, cpu_s, now = run.progress, run.cpu_s() or 0.0, time.monotonic()
        if progress is None:
            return False
        self._bytes = progress.total_size_bytes
        if self._looked is None:
            self._looked = (now, progress, cpu_s)
            return False
        began, before, cpu_before_s = self._looked
        if not self._flows:
            self._flows = (progress.out_time_s or 0) - (before.out_time_s or 0) > _FLOWS_S
            return self._flows
        if (span_s := now - began) < _SPAN_S:
            return False
        sent = (progress.total_size_bytes or 0) - (before.total_size_bytes or 0)
        self._rates = {
            "kbps": round(8 * sent / span_s / 1000, 1) if self._bytes is not None else None,
            "fps": round(((progress.frame or 0) - (before.frame or 0)) / span_s, 1),
            "cpu_cores": round((cpu_s - cpu_before_s) / span_s, 3),
        }
        self._looked = (now, progress, cpu_s)
        return True

    def as_dict(self) -> dict[str, Any]:
        """For the row. `bytes` is None where ffmpeg doesn't count them (WHIP)."""
        counted = self._bytes is not None or self._before_bytes
        return {
            "encodes": list(self.encodes),
            "bytes": self._before_bytes + (self._bytes or 0) if counted else None,
            "kbps": self._rates.get("kbps"),
            "fps": self._rates.get("fps"),
            "cpu_cores": self._rates.get("cpu_cores"),
            "connected_at": self.connected_at.isoformat() if self.connected_at else None,
            "reconnects": max(0, self.connections - 1),
            "skips": self.skips,
            "skipped_s": round(self.skipped_s, 1),
            "undecodable": self.undecodable,
            "behind_s": None if self.behind_s is None else round(self.behind_s, 2),
        }
