"""Once a second: what the recording does and uses, into the catalog."""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime
from typing import Any, Final

from orchestrator.catalog.models import Sample
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.ffmpeg import Run
from orchestrator.encoding.states import ENDED
from orchestrator.encoding.supervisor import Supervisor
from orchestrator.monitor.usage import ProcessUsage, RoleUsage, Usage
from orchestrator.recordings import capture as capturing
from orchestrator.recordings.capture import Capture
from orchestrator.recordings.segments import Segments
from orchestrator.sources.source import Source

PERIOD_S: Final = 1.0
WINDOW: Final = 30
"""Reports over which use is averaged."""

LEAST_S: Final = 10.0


class Reporter:
    """Gathers figures and samples of one recording. What was not measured is None."""

    def __init__(self, catalog: Catalog, recording_id: str, own_pid: int) -> None:
        self._catalog = catalog
        self._id = recording_id
        self._worker = ProcessUsage(own_pid)
        self._ffmpeg = RoleUsage()
        self._frames: tuple[datetime, int] | None = None
        self._running: dict[str, Any] = {}
        self._average = Average()

    async def report(
        self,
        capture: Capture,
        source: Source,
        segments: Segments | None,
        supervisor: Supervisor | None,
    ) -> None:
        """One round."""
        now = datetime.now(UTC)
        run = supervisor.current if supervisor else None
        ffmpeg = self._ffmpeg.sample(run.pid if run is not None and run.alive else None)
        usage = {"worker": self._worker.sample(), "ffmpeg": ffmpeg}
        figures = capturing.statistics(capture)
        figures["source"] = _source(capture, source)
        figures["encoder"] = _encoder(run)
        figures["measured_cores"] = self._measured(usage, now)
        figures["processes"] = {role: u.as_dict() if u else None for role, u in usage.items()}
        if supervisor and supervisor.state in ENDED:
            # The last report: what was measured while ffmpeg still ran says more than nothing.
            figures |= self._running
        self._running = {key: figures[key] for key in ("encoder", "processes")}
        figures["encoding"] = supervisor.state.value if supervisor else None
        figures["restarts"] = supervisor.restarts if supervisor else 0
        figures["warnings"] = capture.warnings()
        self._written(figures, segments, now)
        await self._catalog.report(self._id, figures, now, self._samples(now, usage))

    def _written(self, figures: dict[str, Any], segments: Segments | None, now: datetime) -> None:
        if segments is None:
            figures["duration_s"] = None
            return
        totals = segments.totals()
        created = segments.recording.created_at
        first_at = segments.first_at
        figures["first_frame_s"] = first_at and (first_at - created).total_seconds()
        figures["duration_s"] = round(totals.end_s, 3)
        figures["video"]["written"] = totals.video_frames
        figures["video"]["dropped"] += totals.video_dropped
        figures["video"]["fps"] = self._rate(now, totals.video_frames)
        figures["pipe_bytes"] = totals.written_bytes
        figures["refused"] = totals.refused
        figures["part"] = segments.part
        figures["speed_step"] = segments.running_step
        if totals.refused:
            figures["warnings"].append(
                f"{totals.refused} pictures or sounds could not be written; they are left out."
            )

    def _measured(self, usage: dict[str, Usage | None], now: datetime) -> float | None:
        """Cores of all processes, in one segment."""
        used = [u for u in usage.values() if u is not None]
        pids = tuple(u.pid for u in used)
        total_s = sum(u.cpu_seconds for u in used)
        return self._average.add(now, pids if len(used) == len(usage) else (), total_s)

    def _rate(self, now: datetime, frames: int) -> float | None:
        before, self._frames = self._frames, (now, frames)
        if before is None or (passed := (now - before[0]).total_seconds()) <= 0:
            return None
        return round((frames - before[1]) / passed, 2)

    def _samples(self, now: datetime, usage: dict[str, Usage | None]) -> list[Sample]:
        return [
            Sample(
                recording_id=self._id,
                at=now,
                role=role,
                pid=u.pid,
                cpu_cores=u.cpu_cores,
                cpu_seconds=u.cpu_seconds,
                rss_bytes=u.rss_bytes,
            )
            for role, u in usage.items()
            if u is not None
        ]


class Average:
    """Cores in use over the last half minute, and never over less than a third of that."""

    def __init__(self) -> None:
        self._pids: tuple[int, ...] = ()
        self._seen: deque[tuple[datetime, float]] = deque(maxlen=WINDOW)

    def add(self, now: datetime, pids: tuple[int, ...], cpu_s: float) -> float | None:
        """With one more look at the CPU time of these processes; without any it begins anew."""
        if pids != self._pids:
            self._pids = pids
            self._seen.clear()
        self._seen.append((now, cpu_s))
        began, used_s = self._seen[0]
        passed_s = (now - began).total_seconds()
        if not pids or passed_s < LEAST_S:
            return None
        return round((cpu_s - used_s) / passed_s, 3)


def _source(capture: Capture, source: Source) -> dict[str, Any]:
    counts = source.statistics()
    return {
        "state": "connected" if capture.connected else "reconnecting",
        "participants": capture.participants,
        "packets_received": counts.packets_received,
        "packets_lost": counts.packets_lost,
        "reconnects": counts.reconnects,
        "sender_reports": counts.sender_reports,
        "drift_ppm": counts.drift_ppm,
    }


def _encoder(run: Run | None) -> dict[str, Any] | None:
    """What ffmpeg reports of itself; before its first report only where its log is."""
    if run is None:
        return None
    log = {"log": run.log_path.name}
    if (progress := run.progress) is None:
        return log
    return log | {
        "progress_age_s": round(time.monotonic() - run.moved_at_s, 3),
        "frames": progress.frame,
        "dropped": progress.drop_frames,
        "fps": progress.fps,
        "speed": progress.speed,
        "bitrate_bps": progress.bitrate_bps,
        "size_bytes": progress.total_size_bytes,
        "out_time_s": progress.out_time_s,
    }
