"""Everything at one moment: what the observer gathers, and how it stands on the wire. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from orchestrator.api.figures import moment, number, rounded, text, total, whole
from orchestrator.api.schemas.monitoring import Process, Role, System, SystemHistory
from orchestrator.catalog.models import Recording
from orchestrator.monitor.history import Share
from orchestrator.monitor.machine import MachineUsage
from orchestrator.monitor.usage import Usage

SILENT_AFTER: Final = timedelta(seconds=5)
"""Workers report each second; what is older says nothing about now."""

_RATES: Final = ("cpu_cores", "cpu_cores_1m", "fps", "speed", "bitrate_bps")


@dataclass(frozen=True)
class Snapshot:
    """One look at everything that runs; what follows from it is worked out once for all."""

    at: datetime
    machine: MachineUsage
    server: Usage
    reserve: Usage | None
    """The worker that waits for the next recording."""
    recordings: tuple[Recording, ...]
    """Those that run, with the figures their workers reported."""
    limit_cores: float
    """What they may take of the machine together."""

    @cached_property
    def system(self) -> System:
        """The machine on the wire."""
        return system(self.machine, self.share, self.limit_cores)

    @cached_property
    def processes(self) -> list[Process]:
        """All of ours, the server first."""
        found = [_unassigned("server", self.server, self.at, "running")]
        if self.reserve is not None:
            found.append(_unassigned("worker", self.reserve, self.at, "waiting"))
        for recording in self.recordings:
            found += _of_recording(recording, self.at)
        return found

    @cached_property
    def share(self) -> Share:
        """What the server and all recordings use together; None when a part isn't known."""
        cores = total(p.cpu_cores for p in self.processes)
        return Share(cores, rounded(total(p.rss_bytes for p in self.processes)))


def _unassigned(role: Role, usage: Usage, at: datetime, state: str) -> Process:
    """One of no recording."""
    return _process(role, None, usage.as_dict(), at, {"state": state})


def is_silent(recording: Recording, at: datetime) -> bool:
    """Whether its worker's last report, if any, says nothing about this moment any more."""
    return recording.figures_at is None or at - recording.figures_at > SILENT_AFTER


def _of_recording(recording: Recording, at: datetime) -> Iterator[Process]:
    figures, measured_at = recording.figures, recording.figures_at
    told = figures.get("processes") or {}
    silent = is_silent(recording, at)
    roles: dict[Role, dict[str, Any]] = {
        "worker": _worker(recording),
        "ffmpeg": _ffmpeg(recording, at),
    }
    for role, extra in roles.items():
        usage = told.get(role)
        if role == "worker" and recording.worker_pid is not None:
            usage = _of_pid(usage, recording.worker_pid)
        if usage:
            state = {"state": "silent"} if silent and role == "worker" and measured_at else {}
            nothing = dict.fromkeys(_RATES) if silent else {}
            yield _process(role, recording, usage, measured_at, extra | nothing | state)


def _of_pid(usage: dict[str, Any] | None, pid: int) -> dict[str, Any]:
    """What was measured of this very process; of an earlier worker it would be somebody else's."""
    return usage if usage and usage.get("pid") == pid else {"pid": pid}


def _worker(recording: Recording) -> dict[str, Any]:
    told = recording.figures
    return {
        "state": recording.state,
        "restarts": max(recording.worker_starts - 1, 0),
        "fps": number(told, "video", "fps"),
        "frames_written": whole(told, "video", "written"),
        "frames_dropped": whole(told, "video", "dropped"),
        "queue_bytes": whole(told, "queue", "bytes"),
        "queue_limit_bytes": whole(told, "queue", "limit_bytes"),
    }


def _ffmpeg(recording: Recording, now: datetime) -> dict[str, Any]:
    told, measured_at = recording.figures, recording.figures_at
    age_s = number(told, "encoder", "progress_age_s")
    if age_s is not None and measured_at is not None:
        age_s = round(age_s + max((now - measured_at).total_seconds(), 0.0), 3)
    return {
        "state": text(told, "encoding") or "unknown",
        "restarts": whole(told, "restarts"),
        "fps": number(told, "encoder", "fps"),
        "speed": number(told, "encoder", "speed"),
        "frames_written": whole(told, "encoder", "frames"),
        "frames_dropped": whole(told, "encoder", "dropped"),
        "bitrate_bps": number(told, "encoder", "bitrate_bps"),
        "progress_age_s": age_s,
    }


def _process(
    role: Role,
    recording: Recording | None,
    usage: dict[str, Any],
    measured_at: datetime | None,
    extra: dict[str, Any],
) -> Process:
    """`extra` is what only its role has; the rest of the fields is null."""
    pid = usage["pid"]
    values: dict[str, Any] = {
        **dict.fromkeys(Process.model_fields),
        "pid": pid,
        "role": role,
        "recording_id": recording and recording.id,
        "mint_id": recording and recording.mint_id,
        "since": moment(usage, "since"),
        "cpu_cores": number(usage, "cpu_cores"),
        "cpu_cores_1m": number(usage, "cpu_cores_1m"),
        "cpu_seconds": number(usage, "cpu_seconds"),
        "rss_bytes": whole(usage, "rss_bytes"),
        "threads": whole(usage, "threads"),
        "disk_written_bytes": whole(usage, "written_bytes"),
        "nice": whole(usage, "nice"),
        "measured_at": measured_at,
        "log_url": recording and f"/api/processes/{pid}/log",
    }
    return Process(**values | extra)


def system(machine: MachineUsage, ours: Share, limit_cores: float) -> System:
    """One sample of it."""
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
    """Their columns; at least one sample."""
    told = [system(machine, ours, limit_cores) for machine, ours in samples]
    newest = told[-1]
    columns = "at cpu_cores cpu_cores_ours load_1m memory_bytes memory_bytes_ours disk_free_bytes"
    return SystemHistory(
        cores=newest.cores,
        limit_cores=limit_cores,
        memory_limit_bytes=newest.memory_limit_bytes,
        disk_total_bytes=newest.disk_total_bytes,
        **{name: [getattr(one, name) for one in told] for name in columns.split()},
    )
