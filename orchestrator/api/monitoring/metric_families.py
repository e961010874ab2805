"""A snapshot as metric families, by Prometheus' conventions (prometheus.io/docs/practices/naming):
base units, counters end in _total, values that were not measured are left out. Pure.

Labels are bounded: those of a recording exist while it runs; `haven_recording_info` has its names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from orchestrator.api.monitoring.snapshot import Snapshot
from orchestrator.api.schemas.monitoring import Process, System
from orchestrator.api.serializers.outputs import pieces_behind_s, sent_bytes
from orchestrator.catalog.encode_model import Encode
from orchestrator.catalog.models import Recording
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.recordings.figures import LiveFigures
from orchestrator.recordings.written import codecs_of, written_bytes


@dataclass(frozen=True, slots=True)
class ServerCounters:
    """The server's own counters."""

    version: str
    recordings: dict[str, int]
    """Number of recordings in the catalog, by state."""
    encodes: dict[str, int]
    """Number of encodes in the catalog, by state."""
    active_encodes: Sequence[Encode]
    outputs: dict[tuple[str, str], int]
    """Number of outputs in the catalog, by type and state."""
    deliveries: dict[str, int]
    """Number of web hook calls in the catalog, by state."""
    current_outputs: Sequence[OutputRow]
    """Those that haven't ended, and all of recordings that run."""
    discovery: dict[str, bool]
    """Whether each directory's last query failed."""
    clients: int
    slow_clients: int
    failed_samples: int
    sample_cpu_s: float


def families(snapshot: Snapshot, own: ServerCounters) -> Iterator[Metric]:
    """All metric families, the machine's first."""
    system = snapshot.system
    for name, help, of_system in _MACHINE:
        yield _gauge(f"haven_machine_{name}", help, (), [((), of_system(system))])
    yield from _server(own)
    processes = [(_labels(process), process) for process in snapshot.processes]
    for name, help, of_process in _PROCESS:
        values = [(labels, of_process(process)) for labels, process in processes]
        yield _family(f"haven_process_{name}", help, ("role", "recording_id", "mint_id"), values)
    yield from _recordings(snapshot.recordings)


def _labels(process: Process) -> tuple[str, str, str]:
    """An empty one is none (prometheus.io/docs/concepts/data_model); recordings have their own."""
    stream_id = "" if process.recording_id else process.mint_id
    return process.role, process.recording_id or "", stream_id or ""


def _server(own: ServerCounters) -> Iterator[Metric]:
    yield _gauge("haven_build_info", "The server's version.", ("version",), [((own.version,), 1)])
    states = [((state,), count) for state, count in own.recordings.items()]
    yield _gauge("haven_recordings", "Recordings in the catalog.", ("state",), states)
    yield from _encodes(own)
    yield from _outputs(own)
    deliveries = [((state,), count) for state, count in own.deliveries.items()]
    help = "Calls of web hooks in the catalog; those that ended for a week at most."
    yield _gauge("haven_webhook_deliveries", help, ("state",), deliveries)
    failing = [((name,), int(failed)) for name, failed in own.discovery.items()]
    help = "Whether the directory's last query failed."
    yield _gauge("haven_discovery_failing", help, ("directory",), failing)
    yield _gauge("haven_event_clients", "Clients of live events.", (), [((), own.clients)])
    help = "Clients disconnected because they read too slowly."
    yield _counter("haven_event_clients_too_slow", help, (), [((), own.slow_clients)])
    help = "Failed samples of running recordings and processes."
    yield _counter("haven_observer_failures", help, (), [((), own.failed_samples)])
    help = "CPU time of the last sample of running recordings and processes."
    yield _gauge("haven_observer_look_cpu_seconds", help, (), [((), own.sample_cpu_s)])


def _encodes(own: ServerCounters) -> Iterator[Metric]:
    states = [((state,), count) for state, count in own.encodes.items()]
    yield _gauge("haven_encodes", "Encodes of recordings in the catalog.", ("state",), states)
    progress = [((row.id,), row.progress) for row in own.active_encodes if row.progress]
    labels, help = ("encode_id",), "How far an encode is that hasn't ended."
    shares = [(id, values["share"]) for id, values in progress]
    yield _gauge("haven_encode_progress_ratio", help, labels, shares)
    help = "Time until an encode is done, as it goes now."
    left = [(id, values["left_s"]) for id, values in progress]
    yield _gauge("haven_encode_left_seconds", help, labels, left)


def _outputs(own: ServerCounters) -> Iterator[Metric]:
    counts = list(own.outputs.items())
    yield _gauge("haven_outputs", "Outputs in the catalog.", ("type", "state"), counts)
    labels = ("output_id", "recording_id", "type")
    rows = [((row.id, row.recording_id, row.kind), row) for row in own.current_outputs]
    sent = [(label, sent_bytes(row)) for label, row in rows]
    help = "Bytes uploaded or pushed of an output that hasn't ended."
    yield _counter("haven_output_sent_bytes", help, labels, sent)
    pieces = [(label, row.figures.get("pieces_uploaded")) for label, row in rows]
    help = "Pieces for HLS that are at the target of an upload that hasn't ended."
    yield _gauge("haven_output_pieces", help, labels, pieces)
    behind = [(label, pieces_behind_s(row)) for label, row in rows]
    help = "Media that such an upload has yet to send as pieces for HLS."
    yield _gauge("haven_output_behind_seconds", help, labels, behind)
    failures = [(label, row.attempts) for label, row in rows]
    help = "How often an output failed that hasn't ended."
    yield _counter("haven_output_failures", help, labels, failures)


def _recordings(rows: Sequence[Recording]) -> Iterator[Metric]:
    labels = ("recording_id", "mint_id", "state", "pipeline", "video_codec", "audio_codec")
    info = [((r.id, r.stream_id, r.state, r.pipeline, *codecs_of(r)), 1) for r in rows]
    yield _gauge("haven_recording_info", "Names and state of a running recording.", labels, info)
    reports = [((row.id,), row, LiveFigures.of(row)) for row in rows]
    for name, help, of_row in _RECORDING:
        values = [(id, of_row(row, figures)) for id, row, figures in reports]
        yield _family(f"haven_recording_{name}", help, ("recording_id",), values)


_Values = Iterable[tuple[Sequence[str], float | None]]


def _family(name: str, help: str, labels: Sequence[str], values: _Values) -> Metric:
    """A counter if the name ends in _total, else a gauge."""
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
    ("cpu_limit_cores", "Cores that all recordings together may use.", lambda s: s.limit_cores),
    ("cpu_used_cores", "Cores used by all processes in the last second.", lambda s: s.cpu_cores),
    (
        "cpu_used_ours_cores",
        "Cores used by the recorder in the last second.",
        lambda s: s.cpu_cores_ours,
    ),
    ("load1", "Load average over one minute.", lambda s: s.load_1m),
    ("memory_used_bytes", "Memory used by all processes.", lambda s: s.memory_bytes),
    ("memory_limit_bytes", "Memory available in total.", lambda s: s.memory_limit_bytes),
    (
        "disk_free_bytes",
        "Free space on the disk of the output directory.",
        lambda s: s.disk_free_bytes,
    ),
    ("disk_size_bytes", "Size of the disk of the output directory.", lambda s: s.disk_total_bytes),
]

_PROCESS: Final[list[tuple[str, str, Callable[[Process], float | None]]]] = [
    ("cpu_seconds_total", "User and system CPU time.", lambda p: p.cpu_seconds),
    ("resident_memory_bytes", "Resident memory.", lambda p: p.rss_bytes),
    ("threads", "Threads.", lambda p: p.threads),
    ("disk_written_bytes_total", "Bytes written to disk.", lambda p: p.disk_written_bytes),
    ("restarts_total", "How often the process was replaced.", lambda p: p.restarts),
    ("start_time_seconds", "When the process started.", lambda p: _seconds(p.since)),
]

_ValueOf = Callable[[Recording, LiveFigures], float | None]
_RECORDING: Final[list[tuple[str, str, _ValueOf]]] = [
    (
        "duration_seconds",
        "Duration of the recording.",
        lambda _, f: f.duration_s,
    ),
    ("frames_received_total", "Video frames received.", lambda _, f: f.video.received),
    (
        "frames_written_total",
        "Video frames written to ffmpeg, or to a file that is copied to.",
        lambda _, f: f.video.written,
    ),
    (
        "frames_dropped_total",
        "Video frames dropped because ffmpeg was too slow.",
        lambda _, f: f.video.dropped,
    ),
    (
        "frames_filled_total",
        "Video frames filled in while none arrived.",
        lambda _, f: f.video.filled,
    ),
    (
        "audio_concealed_seconds_total",
        "Audio concealed where packets were lost.",
        lambda _, f: f.audio.concealed_s,
    ),
    ("frame_rate", "Video frames a second, in the last second.", lambda _, f: f.video.fps),
    ("encoder_speed_ratio", "Encoding speed relative to real time.", lambda _, f: f.encoder.speed),
    (
        "progress_age_seconds",
        "Time since ffmpeg last made progress, at the last report.",
        lambda _, f: f.encoder.progress_age_s,
    ),
    (
        "file_size_bytes",
        "Bytes written so far, as ffmpeg or a worker that copies reports them.",
        written_bytes,
    ),
    ("queue_bytes", "Raw frames waiting for ffmpeg.", lambda _, f: f.queue.bytes),
    (
        "queue_limit_bytes",
        "Limit of the raw frames waiting for ffmpeg.",
        lambda _, f: f.queue.limit_bytes,
    ),
    ("packets_received_total", "RTP packets received.", lambda _, f: f.source.packets_received),
    ("packets_lost_total", "RTP packets lost.", lambda _, f: f.source.packets_lost),
    (
        "frames_undecodable_total",
        "Video frames that came and were left out of a copy: one that they need is missing.",
        lambda _, f: f.source.frames_undecodable,
    ),
    (
        "frames_undecryptable_total",
        "End-to-end encrypted frames that no key decrypts, and those that need one of them.",
        lambda _, f: f.source.frames_undecryptable,
    ),
    ("reconnects_total", "Reconnections to the stream.", lambda _, f: f.source.reconnects),
    (
        "drift_ppm",
        "Drift of the publisher's audio against its own clock.",
        lambda _, f: f.source.drift_ppm,
    ),
    ("warnings", "Number of current warnings.", lambda _, f: len(f.warnings)),
    (
        "reported_timestamp_seconds",
        "When the worker last reported.",
        lambda r, _: _seconds(r.figures_at),
    ),
]
