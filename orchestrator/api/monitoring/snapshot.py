"""Everything at one moment: what the observer samples, and its wire types. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from orchestrator.api.schemas.monitoring import Process, Role, System, SystemHistory
from orchestrator.catalog.models import Recording
from orchestrator.monitor.history import Share
from orchestrator.monitor.machine import MachineUsage
from orchestrator.monitor.usage import Usage
from orchestrator.recordings.figures import LiveFigures, ProcessFigures, total

SILENT_AFTER: Final = timedelta(seconds=5)
"""Workers report every second; an older report says nothing about now."""

_RATES: Final = ("cpu_cores", "cpu_cores_1m", "fps", "speed", "bitrate_bps")


@dataclass(frozen=True)
class Snapshot:
    """One sample of everything that runs; derived values are computed once for all clients."""

    at: datetime
    machine: MachineUsage
    server: Usage
    reserve: Usage | None
    """The zygote, which workers are forked from."""
    publishers: tuple[tuple[str, Usage], ...]
    """The processes that hold a publisher and record nothing, by their streams."""
    recordings: tuple[Recording, ...]
    """The running recordings, with the figures that their workers reported."""
    limit_cores: float
    """Cores that all recordings together may use."""

    @cached_property
    def system(self) -> System:
        """The machine as a wire type."""
        return system(self.machine, self.share, self.limit_cores)

    @cached_property
    def processes(self) -> list[Process]:
        """All processes of the recorder, the server first."""
        processes = [_unassigned("server", self.server, self.at, "running")]
        if self.reserve is not None:
            processes.append(_unassigned("worker", self.reserve, self.at, "waiting"))
        for stream_id, usage in self.publishers:
            process = _unassigned("publisher", usage, self.at, "publishing")
            own = {"mint_id": stream_id, "log_url": _log_url(usage.pid)}
            processes.append(process.model_copy(update=own))
        for recording in self.recordings:
            processes += _of_recording(recording, self.at)
        return processes

    @cached_property
    def share(self) -> Share:
        """What the server and all recordings use together; None if any part is unknown."""
        cores = total(p.cpu_cores for p in self.processes)
        return Share(cores, total(p.rss_bytes for p in self.processes))


def _unassigned(role: Role, usage: Usage, at: datetime, state: str) -> Process:
    """A process without a recording."""
    return _process(role, None, ProcessFigures.of(usage), at, {"state": state})


def is_silent(recording: Recording, at: datetime) -> bool:
    """Whether its worker has not reported, or not recently enough."""
    return recording.figures_at is None or at - recording.figures_at > SILENT_AFTER


def _of_recording(recording: Recording, at: datetime) -> Iterator[Process]:
    figures, measured_at = LiveFigures.of(recording), recording.figures_at
    silent = is_silent(recording, at)
    worker, ffmpeg = figures.processes.worker, figures.processes.ffmpeg
    if recording.worker_pid not in (None, worker.pid):
        # The figures are of an earlier worker.
        worker = ProcessFigures(pid=recording.worker_pid)
    unknown = dict.fromkeys(_RATES) if silent else {}
    if worker.pid is not None:
        state = {"state": "silent"} if silent and measured_at else {}
        extra = _worker(recording, figures) | unknown | state
        yield _process("worker", recording, worker, measured_at, extra)
    if ffmpeg.pid is not None:
        extra = _ffmpeg(figures, measured_at, at) | unknown
        yield _process("ffmpeg", recording, ffmpeg, measured_at, extra)
    if (received := figures.processes.input).pid is not None:
        yield _process("input", recording, received, measured_at, {"state": "running"} | unknown)


def _worker(recording: Recording, figures: LiveFigures) -> dict[str, Any]:
    return {
        "state": recording.state,
        "restarts": max(recording.worker_starts - 1, 0),
        "fps": figures.video.fps,
        "frames_written": figures.video.written,
        "frames_dropped": figures.video.dropped,
        "queue_bytes": figures.queue.bytes,
        "queue_limit_bytes": figures.queue.limit_bytes,
    }


def _ffmpeg(figures: LiveFigures, measured_at: datetime | None, now: datetime) -> dict[str, Any]:
    encoder, age_s = figures.encoder, figures.encoder.progress_age_s
    if age_s is not None and measured_at is not None:
        age_s = round(age_s + max((now - measured_at).total_seconds(), 0.0), 3)
    return {
        "state": figures.encoding or "unknown",
        "restarts": figures.restarts,
        "fps": encoder.fps,
        "speed": encoder.speed,
        "frames_written": encoder.frames,
        "frames_dropped": encoder.dropped,
        "bitrate_bps": encoder.bitrate_bps,
        "progress_age_s": age_s,
    }


def _process(
    role: Role,
    recording: Recording | None,
    usage: ProcessFigures,
    measured_at: datetime | None,
    extra: dict[str, Any],
) -> Process:
    """`extra` has the fields of its role; all others are null."""
    values: dict[str, Any] = {
        **dict.fromkeys(Process.model_fields),
        "pid": usage.pid,
        "role": role,
        "recording_id": recording and recording.id,
        "mint_id": recording and recording.stream_id,
        "since": usage.since,
        "cpu_cores": usage.cpu_cores,
        "cpu_cores_1m": usage.cpu_cores_1m,
        "cpu_seconds": usage.cpu_seconds,
        "rss_bytes": usage.rss_bytes,
        "threads": usage.threads,
        "disk_written_bytes": usage.written_bytes,
        "nice": usage.nice,
        "measured_at": measured_at,
        "log_url": recording and _log_url(usage.pid),
    }
    return Process(**values | extra)


def _log_url(pid: int | None) -> str:
    return f"/api/processes/{pid}/log"


def system(machine: MachineUsage, ours: Share, limit_cores: float) -> System:
    """One sample of the machine."""
    return System(
        at=machine.at,
        cores=machine.cores,
        limit_cores=limit_cores,
        cpu_cores=machine.cpu_cores,
        cpu_cores_ours=ours.cpu_cores,
        load_1m=machine.load_1m,
        memory_bytes=machine.memory_bytes,
        memory_bytes_ours=ours.memory_bytes,
        memory_limit_bytes=machine.memory_limit_bytes,
        disk_free_bytes=machine.disk_free_bytes,
        disk_total_bytes=machine.disk_total_bytes,
    )


def system_history(
    samples: Sequence[tuple[MachineUsage, Share]], limit_cores: float
) -> SystemHistory:
    """The samples as columns; there must be at least one."""
    systems = [system(machine, ours, limit_cores) for machine, ours in samples]
    newest = systems[-1]
    columns = "at cpu_cores cpu_cores_ours load_1m memory_bytes memory_bytes_ours disk_free_bytes"
    return SystemHistory(
        cores=newest.cores,
        limit_cores=limit_cores,
        memory_limit_bytes=newest.memory_limit_bytes,
        disk_total_bytes=newest.disk_total_bytes,
        **{name: [getattr(sample, name) for sample in systems] for name in columns.split()},
    )
