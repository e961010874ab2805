"""A snapshot as metric families, by Prometheus' conventions (prometheus.io/docs/practices/naming):
base units, counters that end in _total, what isn't measured left out. Pure.

Labels are bounded: a recording's are there while it runs, `haven_recording_info` has its words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from orchestrator.api import views
from orchestrator.api.figures import number
from orchestrator.api.monitoring.snapshot import Snapshot
from orchestrator.api.schemas.monitoring import Process, System
from orchestrator.api.schemas.status import Live
from orchestrator.catalog.models import Recording


@dataclass(frozen=True, slots=True)
class Own:
    """What the server counts of itself."""

    version: str
    recordings: dict[str, int]
    """All in the catalog, by state."""
    discovery: dict[str, bool]
    """Whether each directory's last answer was a failure."""
    clients: int
    slow_clients: int
    failed_looks: int
    look_s: float


def families(snapshot: Snapshot, own: Own) -> Iterator[Metric]:
    """Everything, machine first."""
    system = snapshot.system
    for name, help, of_system in _MACHINE:
        yield _gauge(f"haven_machine_{name}", help, (), [((), of_system(system))])
    yield from _server(own)
    processes = [((p.role, p.recording_id or ""), p) for p in snapshot.processes]
    for name, help, of_process in _PROCESS:
        told = [(labels, of_process(process)) for labels, process in processes]
        yield _family(f"haven_process_{name}", help, ("role", "recording_id"), told)
    yield from _recordings(snapshot.recordings)


def _server(own: Own) -> Iterator[Metric]:
    yield _gauge("haven_build_info", "The server's version.", ("version",), [((own.version,), 1)])
    states = [((state,), count) for state, count in own.recordings.items()]
    yield _gauge("haven_recordings", "Recordings in the catalog.", ("state",), states)
    failing = [((name,), int(failed)) for name, failed in own.discovery.items()]
    help = "Whether the directory's last answer was a failure."
    yield _gauge("haven_discovery_failing", help, ("directory",), failing)
    yield _gauge("haven_event_clients", "Listeners of live events.", (), [((), own.clients)])
    help = "Listeners that were disconnected because they read too slowly."
    yield _counter("haven_event_clients_too_slow", help, (), [((), own.slow_clients)])
    help = "Looks at what runs that failed."
    yield _counter("haven_observer_failures", help, (), [((), own.failed_looks)])
    help = "CPU time of the last look at what runs."
    yield _gauge("haven_observer_look_cpu_seconds", help, (), [((), own.look_s)])


def _recordings(rows: Sequence[Recording]) -> Iterator[Metric]:
    words = ("recording_id", "mint_id", "state", "pipeline", "video_codec", "audio_codec")
    info = [((r.id, *(str(getattr(r, word)) for word in words[1:])), 1) for r in rows]
    yield _gauge("haven_recording_info", "What runs, in words.", words, info)
    told = [((row.id,), row, views.live(row)) for row in rows]
    for name, help, of_row in _RECORDING:
        values = [(labels, of_row(row, live)) for labels, row, live in told]
        yield _family(f"haven_recording_{name}", help, ("recording_id",), values)


_Values = Iterable[tuple[Sequence[str], float | None]]


def _family(name: str, help: str, labels: Sequence[str], values: _Values) -> Metric:
    """A counter if it is called one."""
    if name.endswith("_total"):
        return _counter(name.removesuffix("_total"), help, labels, values)
    return _gauge(name, help, labels, values)


def _gauge(name: str, help: str, labels: Sequence[str], values: _Values) -> Metric:
    return _filled(GaugeMetricFamily(name, help, labels=labels), values)


def _counter(name: str, help: str, labels: Sequence[str], values: _Values) -> Metric:
    return _filled(CounterMetricFamily(name, help, labels=labels), values)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, values: _Values) -> Metric:
    for labels, value in values:
        if value is not None:
            family.add_metric(labels, value)
    return family


def _seconds(moment: datetime | None) -> float | None:
    """Since the epoch."""
    return None if moment is None else moment.timestamp()


_MACHINE: Final[list[tuple[str, str, Callable[[System], float | None]]]] = [
    ("cpu_cores", "Cores that may be used here.", lambda s: s.cores),
    ("cpu_limit_cores", "Cores that recordings may take together.", lambda s: s.limit_cores),
    ("cpu_used_cores", "Cores in use by everybody, last second.", lambda s: s.cpu_cores),
    ("cpu_used_ours_cores", "Cores in use by us, last second.", lambda s: s.cpu_cores_ours),
    ("load1", "Load average of a minute.", lambda s: s.load_1m),
    ("memory_used_bytes", "Memory in use by everybody.", lambda s: s.memory_bytes),
    ("memory_limit_bytes", "Memory there is.", lambda s: s.memory_limit_bytes),
    ("disk_free_bytes", "Free where recordings go.", lambda s: s.disk_free_bytes),
    ("disk_size_bytes", "Size of that disk.", lambda s: s.disk_total_bytes),
]

_PROCESS: Final[list[tuple[str, str, Callable[[Process], float | None]]]] = [
    ("cpu_seconds_total", "User and system time.", lambda p: p.cpu_seconds),
    ("resident_memory_bytes", "Resident memory.", lambda p: p.rss_bytes),
    ("threads", "Threads.", lambda p: p.threads),
    ("disk_written_bytes_total", "Written to disks.", lambda p: p.disk_written_bytes),
    ("restarts_total", "How often it was replaced.", lambda p: p.restarts),
    ("start_time_seconds", "When it began.", lambda p: _seconds(p.since)),
]

_Told = Callable[[Recording, Live], float | None]
_RECORDING: Final[list[tuple[str, str, _Told]]] = [
    ("duration_seconds", "How long it is.", lambda r, _: number(r.figures, "duration_s")),
    ("frames_received_total", "Pictures that arrived.", lambda _, f: f.frames_received),
    ("frames_written_total", "Pictures given to ffmpeg.", lambda _, f: f.frames_written),
    ("frames_dropped_total", "Pictures left out, too slow.", lambda _, f: f.frames_dropped),
    ("frames_filled_total", "Pictures made up, none came.", lambda _, f: f.frames_filled),
    ("frame_rate", "Pictures a second, last second.", lambda _, f: f.fps),
    ("encoder_speed_ratio", "ffmpeg's speed against real time.", lambda _, f: f.speed),
    (
        "progress_age_seconds",
        "Since ffmpeg got on, at the last report.",
        lambda r, _: number(r.figures, "encoder", "progress_age_s"),
    ),
    ("file_size_bytes", "Written so far, by ffmpeg's report.", lambda _, f: f.file_size_bytes),
    ("queue_bytes", "Raw frames that wait for ffmpeg.", lambda _, f: f.queue_bytes),
    ("queue_limit_bytes", "Their bound.", lambda _, f: f.queue_limit_bytes),
    ("packets_received_total", "RTP packets.", lambda _, f: f.packets_received),
    ("packets_lost_total", "RTP packets that never came.", lambda _, f: f.packets_lost),
    ("reconnects_total", "Connections made anew.", lambda _, f: f.reconnects),
    ("drift_ppm", "Publisher's sound against its own clock.", lambda _, f: f.drift_ppm),
    ("warnings", "What is not as it should be.", lambda _, f: len(f.warnings)),
    (
        "reported_timestamp_seconds",
        "When its worker last reported.",
        lambda r, _: _seconds(r.figures_at),
    ),
]
