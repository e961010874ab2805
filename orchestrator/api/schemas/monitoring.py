"""Wire types of /api/processes and /api/system: processes, their logs, and the machine."""

from __future__ import annotations

from typing import Literal

from orchestrator.api.schemas.common import MINT_ID, RECORDING_ID, Moment, Wire, example, example_of

Role = Literal["server", "worker", "ffmpeg", "input", "publisher"]


class Process(Wire):
    """One process of the recorder; null where a value does not apply to its role or was not
    measured."""

    pid: int
    role: Role
    """worker: receives and decodes the stream of one recording; ffmpeg: encodes it; input: the
    ffmpeg that reads an RTMP, SRT or RTSP stream or a file for the worker; publisher: holds a
    publisher (WHIP) of which nothing is recorded."""
    recording_id: str | None
    """The recording's own id; null for the server, the zygote, and the role publisher."""
    mint_id: str | None
    state: str
    """server: running; worker: the recording's state, `silent` if it has reported nothing for 5 s,
    or `waiting` if it has no recording; ffmpeg: starting, running, stopping, stopped,
    exited, backoff or fatal; input: running; publisher: publishing."""
    since: Moment | None
    """When the process started."""
    restarts: int | None
    """How often the process was replaced."""
    cpu_cores: float | None
    """Cores used over the last second."""
    cpu_cores_1m: float | None
    """Cores used over the last minute, or since the process started if that is shorter."""
    cpu_seconds: float | None
    """User and system time since the process started."""
    rss_bytes: int | None
    """Resident memory."""
    threads: int | None
    disk_written_bytes: int | None
    """Bytes written to disk because of this process."""
    nice: int | None
    """Niceness: a higher value means a lower priority."""
    fps: float | None
    """worker: frames written to ffmpeg in the last second; ffmpeg: frames encoded a second,
    averaged since it started, as it reports them."""
    speed: float | None
    """ffmpeg's encoding speed relative to real time, as it reports it."""
    frames_written: int | None
    """worker: frames written to ffmpeg; ffmpeg: frames encoded."""
    frames_dropped: int | None
    """worker: frames dropped because ffmpeg was too slow; ffmpeg: frames that ffmpeg dropped."""
    queue_bytes: int | None
    """Raw frames waiting in the worker."""
    queue_limit_bytes: int | None
    bitrate_bps: float | None
    """Bit rate of what ffmpeg has written so far."""
    progress_age_s: float | None
    """Seconds since ffmpeg last made progress."""
    measured_at: Moment | None
    """When the process was measured; null if it has not been yet."""
    log_url: str | None
    """Address of its last log lines; null for the server and the zygote, which have none."""

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
    """The server, the processes of each running recording, and those that hold publishers."""

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
    recording_id: str | None
    """Null for the role publisher."""
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
    """The machine now, and the share used by the server and all recordings together."""

    at: Moment
    cores: float
    """Cores that may be used here: the container's quota, or the number of CPUs."""
    limit_cores: float
    """Cores that all recordings together may use (cpu_limit)."""
    cpu_cores: float | None
    """Cores used by all processes over the last second."""
    cpu_cores_ours: float | None
    load_1m: float
    """Load average over one minute."""
    memory_bytes: int
    """Memory used by all processes."""
    memory_bytes_ours: int | None
    memory_limit_bytes: int
    disk_free_bytes: int | None
    """Free space on the disk of the output directory; null while that does not exist."""
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
    """The machine's last ten minutes at most, one sample a second; each list has one value per
    sample, oldest first."""

    success: Literal[True] = True
    cores: float
    """Cores that may be used here now."""
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
