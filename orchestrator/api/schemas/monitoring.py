"""Wire types of /api/processes and /api/system: every process, its log, and the machine."""

from __future__ import annotations

from typing import Literal

from orchestrator.api.schemas.common import MINT_ID, RECORDING_ID, Moment, Wire, example, example_of

Role = Literal["server", "worker", "ffmpeg"]


class Process(Wire):
    """One process of the recorder; null is what doesn't apply to its role or nobody measured."""

    pid: int
    role: Role
    """worker: receives and decodes one recording's stream; ffmpeg: encodes it."""
    recording_id: str | None
    """The recording's own id; null for the server, and for a worker that waits for a recording."""
    mint_id: str | None
    state: str
    """server: running; worker: the recording's state, or `silent` when its process has reported
    nothing for 5 s, `waiting` without a recording; ffmpeg: starting, running, stopping, stopped,
    exited, backoff or fatal."""
    since: Moment | None
    """When the process began."""
    restarts: int | None
    """How often the one before had to be replaced."""
    cpu_cores: float | None
    """Cores used over the last second."""
    cpu_cores_1m: float | None
    """Cores used over the last minute, or since it began if that is less."""
    cpu_seconds: float | None
    """User and system time since it began."""
    rss_bytes: int | None
    """Resident memory."""
    threads: int | None
    disk_written_bytes: int | None
    """What it caused to be written to disks."""
    nice: int | None
    """Its niceness: a higher one stands back behind the others."""
    fps: float | None
    """worker: pictures handed to ffmpeg over the last second; ffmpeg: encoded, by its own report
    (an average since it began)."""
    speed: float | None
    """ffmpeg's speed against real time, by its own report."""
    frames_written: int | None
    """worker: pictures handed to ffmpeg; ffmpeg: pictures encoded."""
    frames_dropped: int | None
    """worker: left out because ffmpeg was too slow; ffmpeg: dropped by ffmpeg itself."""
    queue_bytes: int | None
    """Raw frames waiting in the worker."""
    queue_limit_bytes: int | None
    bitrate_bps: float | None
    """Of what ffmpeg wrote so far."""
    progress_age_s: float | None
    """How long ago ffmpeg last got on."""
    measured_at: Moment | None
    """When the process was looked at; null when it hasn't been yet."""
    log_url: str | None
    """Where its last log lines are; null for the server, whose log is its standard error."""

    model_config = example(
        {
            "pid": 4312,
            "role": "ffmpeg",
            "recording_id": RECORDING_ID,
            "mint_id": MINT_ID,
            "state": "running",
            "since": "2024-12-01T14:30:21.400+00:00",
            "restarts": 0,
            "cpu_cores": 1.02,
            "cpu_cores_1m": 0.98,
            "cpu_seconds": 44.3,
            "rss_bytes": 104857600,
            "threads": 12,
            "disk_written_bytes": 11403264,
            "nice": 5,
            "fps": 29.9,
            "speed": 1.0,
            "frames_written": 1350,
            "frames_dropped": 0,
            "queue_bytes": None,
            "queue_limit_bytes": None,
            "bitrate_bps": 2014000,
            "progress_age_s": 0.21,
            "measured_at": "2024-12-01T14:31:07.000+00:00",
            "log_url": "/api/processes/4312/log",
        }
    )


class Processes(Wire):
    """The server, and worker and ffmpeg of each recording that runs."""

    success: Literal[True] = True
    processes: list[Process]
    count: int

    model_config = example(
        {"success": True, "processes": [example_of(Process)], "count": 1},
    )


class ProcessLog(Wire):
    """The end of a process's log, without tokens and keys."""

    success: Literal[True] = True
    pid: int
    role: Role
    recording_id: str
    lines: list[str]
    """Oldest first."""

    model_config = example(
        {
            "success": True,
            "pid": 4312,
            "role": "ffmpeg",
            "recording_id": RECORDING_ID,
            "lines": ["[info] Input #0, nut, from 'input.nut':"],
        }
    )


class System(Wire):
    """The machine now, and what of it is used by the server and all recordings together."""

    at: Moment
    cores: float
    """That may be used here: the container's quota, or the CPUs."""
    limit_cores: float
    """Of these, what recordings may take together (cpu_limit)."""
    cpu_cores: float | None
    """Cores used by everybody, over the last second."""
    cpu_cores_ours: float | None
    load_1m: float
    """Processes that run or wait, averaged over a minute."""
    memory_bytes: int
    """In use by everybody."""
    memory_bytes_ours: int | None
    memory_limit_bytes: int
    disk_free_bytes: int | None
    """Of the disk with the output directory; null while that isn't there."""
    disk_total_bytes: int | None

    model_config = example(
        {
            "at": "2024-12-01T14:31:07.000+00:00",
            "cores": 4.0,
            "limit_cores": 3.4,
            "cpu_cores": 1.71,
            "cpu_cores_ours": 1.32,
            "load_1m": 1.9,
            "memory_bytes": 3221225472,
            "memory_bytes_ours": 402653184,
            "memory_limit_bytes": 8589934592,
            "disk_free_bytes": 81604378624,
            "disk_total_bytes": 250790436864,
        }
    )


class SystemHistory(Wire):
    """The machine's last ten minutes at most, second by second; each list has one value a sample,
    oldest first."""

    success: Literal[True] = True
    cores: float
    """That may be used here, now."""
    limit_cores: float
    memory_limit_bytes: int
    disk_total_bytes: int | None
    at: list[Moment]
    cpu_cores: list[float | None]
    cpu_cores_ours: list[float | None]
    load_1m: list[float]
    memory_bytes: list[int]
    memory_bytes_ours: list[int | None]
    disk_free_bytes: list[int | None]

    model_config = example(
        {
            "success": True,
            "cores": 4.0,
            "limit_cores": 3.4,
            "memory_limit_bytes": 8589934592,
            "disk_total_bytes": 250790436864,
            "at": ["2024-12-01T14:31:07.000+00:00"],
            "cpu_cores": [1.71],
            "cpu_cores_ours": [1.32],
            "load_1m": [1.9],
            "memory_bytes": [3221225472],
            "memory_bytes_ours": [402653184],
            "disk_free_bytes": [81604378624],
        }
    )
