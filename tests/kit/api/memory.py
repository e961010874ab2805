"""A manager in memory: real rows, no processes. What the API's own tests run against."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.capacity.admission import Capacity
from orchestrator.capacity.costs import costs_of
from orchestrator.catalog.models import Event, File, Recording, Segment
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.video_library import VideoLibrary
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.loading import PipelineFailure, Pipelines
from orchestrator.encoding.process.capabilities import FEATURES, FFmpeg
from orchestrator.errors import (
    AlreadyActive,
    HavenError,
    InvalidOutputDirectory,
    NothingToStop,
    RecordingNotFound,
    StillActive,
    StreamNotFound,
)
from orchestrator.media import Stream
from orchestrator.recordings.formats import format_named
from orchestrator.recordings.start_request import StartRequest, quality_named
from orchestrator.recordings.states import ACTIVE
from orchestrator.server.depin import Depin
from orchestrator.server.hls.recordings import HlsRecordings
from orchestrator.server.streams.named_streams import NamedStreams
from orchestrator.server.watches.watches import Watches
from orchestrator.settings import Settings
from tests.kit.api.directory import MemoryDirectory
from tests.kit.api.memory_details import MemoryDetails
from tests.kit.api.memory_encodes import MemoryEncodes
from tests.kit.api.memory_outputs import MemoryOutputs
from tests.kit.api.memory_publishers import MemoryPublishers

MINT = "V5cCiSixPLAiEDX2zZquT5VuLm4prr5t35PWmjNpump"
STARTED = datetime(2024, 12, 1, 14, 30, 22, tzinfo=UTC)
FIGURES: dict[str, Any] = {
    "duration_s": 45.2,
    "video": {"width": 1280, "height": 720, "received": 1360, "written": 1356, "dropped": 4}
    | {"filled": 0, "fps": 29.97, "no_video_since": None},
    "audio": {"concealed_s": 0.06},
    "queue": {"bytes": 1382400, "limit_bytes": 100663296},
    "encoder": {"fps": 30.1, "speed": 0.99, "bitrate_bps": 2014000.0, "size_bytes": 11379200},
    "processes": {
        "worker": {"pid": 11, "cpu_cores": 0.25, "rss_bytes": 100},
        "ffmpeg": {"pid": 12, "cpu_cores": 1.0, "rss_bytes": 200},
    },
    "source": {"state": "connected", "participants": 151, "packets_lost": 3, "reconnects": 0},
    "restarts": 0,
    "warnings": ["The video is muted; black frames are recorded."],
}

_CODECS = {
    "av1": ("libaom-av1", "aac"),
    "mp4": ("libx264", "aac"),
    "webm": ("libvpx-vp9", "libopus"),
}


def pipeline(name: str) -> Pipeline:
    """A pipeline like the built-in one, that builds nothing much."""
    video, audio = _CODECS[name]
    return Pipeline(
        name=name,
        description=f"{name} for tests",
        format=name,
        extension=name,
        container="webm" if name == "webm" else "mp4",
        segment_suffix=f".{name}",
        mime_type="video/webm" if name == "webm" else "video/mp4",
        video_codec=video,
        audio_codec=audio,
        speeds=("slow", "fast"),
        default_speed=1,
        shipped=(0.02, 0.01),
        path=Path(f"/presets/{name}.py"),
        build=lambda job: job.video.output(job.output, vcodec=video, video_bitrate=9),
    )


PIPELINES = Pipelines(
    {name: pipeline(name) for name in _CODECS},
    (PipelineFailure("mine", Path("/presets/mine.py"), 12, "NameError: name 'x' is not defined"),),
)


def recording(stream_id: str = MINT, **columns: Any) -> Recording:
    """A row as the worker would have written it."""
    stream = Stream(stream_id, "demo", name="Example Coin", symbol="EXC", num_participants=150)
    values: dict[str, Any] = {
        "id": f"{stream_id[:8]}0001",
        "stream_id": stream_id,
        "stream": asdict(stream),
        "output_format": "av1",
        "pipeline": "av1",
        "video_quality": "high",
        "audio_quality": "high",
        "video_codec": "libaom-av1",
        "audio_codec": "aac",
        "output_path": "/path/to/recordings/Example_Coin_V5cCiSix_20241201_143022.av1",
        "work_directory": "/path/to/recordings/.x.haven",
        "limits": {},
        "wanted": "record",
        "recovered": False,
        "started_by": "user",
        "speed_step": 1,
        "speed_pinned": False,
        "reserved_cores": 0.6,
        "state": "recording",
        "created_at": STARTED,
        "started_at": STARTED,
        "figures": FIGURES,
        "figures_at": STARTED,
        "worker_pid": 11,
        "worker_starts": 1,
    }
    return Recording(**values | columns)


@dataclass
class MemoryCatalog:
    """The event log of recordings, as the test put it down."""

    rows: list[Recording]
    added: list[File] = field(default_factory=list)
    lines: list[Event] = field(default_factory=list)
    broken: HavenError | None = None
    kept: dict[str, str] = field(default_factory=dict)

    async def preference(self, key: str) -> str | None:
        """What was kept."""
        return self.kept.get(key)

    async def set_preference(self, key: str, value: str) -> None:
        """Keeps it, unless the test says that nothing can be written."""
        await self.check()
        self.kept[key] = value

    async def latest_of(self, stream_id: str) -> Recording | None:
        """The last one added."""
        return next((r for r in reversed(self.rows) if r.stream_id == stream_id), None)

    async def files(self, recording_id: str) -> list[File]:
        """Those that the test added."""
        return [file for file in self.added if file.recording_id == recording_id]

    async def segments(self, recording_id: str) -> list[Segment]:
        """One, finished."""
        done = {"ended_at": STARTED, "outcome": "finished", "returncode": 0}
        counts = {"part": 1, "offset_s": 0.0, "video_frames": 3615, "audio_samples": 5784000}
        where = {"recording_id": recording_id, "number": 1, "path": "/x", "started_at": STARTED}
        return [Segment(**where, **done, **counts)]

    async def events(self, recording_id: str, limit: int = 1000) -> list[Event]:
        """One."""
        row = {"kind": "state", "message": "recording", "data": {"from": "starting"}}
        return [Event(id=1, recording_id=recording_id, at=STARTED, **row)]

    async def events_after(self, id: int, limit: int) -> tuple[list[Event], dict[str, str]]:
        """The lines that the test added, and those that run."""
        states = {row.id: row.state for row in self.rows if row.state in ACTIVE}
        return [line for line in self.lines if line.id > id][-limit:], states

    async def counts(self) -> dict[str, int]:
        return dict(Counter(row.state for row in self.rows))

    async def check(self) -> None:
        """Always well, unless the test says otherwise."""
        if self.broken:
            raise self.broken


async def never(stream_id: str, e2ee: object) -> None:
    """Nobody here is muted."""
    raise AssertionError(stream_id)


class MemoryManager(MemoryDetails):
    """Behaves as the manager does, at once and without a worker."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(MemoryDirectory())
        self.settings = settings
        self.pipelines = PIPELINES
        self.rows: list[Recording] = []
        self.catalog = MemoryCatalog(self.rows)
        unopened = Catalog(settings.database_url)
        self.library = VideoLibrary(unopened)
        self.streams = NamedStreams(settings, unopened, self.directory.named)
        self.depin = Depin(self.directory, self.active, self.start, self.stop)
        self.watches = Watches(unopened, self.directory, self.start, self.start, 20, unmute=never)
        self.hls = HlsRecordings(unopened)
        self.encodes = MemoryEncodes()
        self.outputs = MemoryOutputs(lambda id: next((r for r in self.rows if r.id == id), None))
        self.publishers = MemoryPublishers()
        self.requests: list[StartRequest] = []
        self.opened, self.closed = False, False
        self.raises: Exception | None = None
        """What every start raises, if anything."""
        self.no_ffmpeg: Exception | None = None

    async def open(self) -> None:
        """Notes it."""
        self.opened = True

    async def close(self) -> None:
        """Notes it."""
        self.closed = True

    async def start(self, request: StartRequest) -> Recording:
        """A row that records."""
        self.requests.append(request)
        if self.raises:
            raise self.raises
        format_ = format_named(self.pipelines, request.output_format)
        quality = quality_named(request.video_quality, "video_quality")
        if not any(s.id == request.stream_id for s in self.directory.streams):
            raise StreamNotFound(request.stream_id)
        if await self.status(request.stream_id):
            raise AlreadyActive(request.stream_id)
        asked = {"output_format": format_, "video_quality": quality}
        row = recording(request.stream_id, **asked, started_by=request.started_by)
        self.rows.append(row)
        return row

    async def stop(self, stream_id: str) -> Recording:
        """The row, completed; aborted if it had no frame yet."""
        row = await self.status(stream_id)
        if row is None:
            raise NothingToStop(stream_id)
        if row.state == "starting":
            row.state, row.reason = "aborted", "stopped before the first frame"
            return row
        row.state, row.reason, row.ended_at = "completed", "stopped", STARTED
        row.duration_s, row.size_bytes = 120.5, 15728640
        return row

    async def status(self, stream_id: str) -> Recording | None:
        """The one that runs."""
        found = (r for r in self.rows if r.stream_id == stream_id and r.state in ACTIVE)
        return next(found, None)

    async def active(self) -> list[Recording]:
        """Those that run."""
        return [r for r in self.rows if r.state in ACTIVE]

    async def history(
        self, *, limit: int, offset: int, state: str | None = None, stream_id: str | None = None
    ) -> tuple[list[Recording], int]:
        """The newest first."""
        fits = [r for r in reversed(self.rows) if state in (None, r.state)]
        fits = [r for r in fits if stream_id in (None, r.stream_id)]
        return fits[offset : offset + limit], len(fits)

    async def get(self, recording_id: str) -> Recording:
        """By its own id."""
        found = next((r for r in self.rows if r.id == recording_id), None)
        if found is None:
            raise RecordingNotFound(recording_id)
        return found

    async def delete(self, recording_id: str) -> None:
        row = await self.get(recording_id)
        if row.state in ACTIVE:
            raise StillActive(f"Recording {recording_id} is still running.", "Stop it first.")
        self.rows.remove(row)

    def worker_in_reserve(self) -> int | None:
        return None

    async def capacity(self) -> Capacity:
        """A machine of two cores on which nothing was measured."""
        costs = costs_of(self.pipelines.by_name.values(), [])
        return Capacity("a machine", 2.0, 1.7, costs, None, self.pipelines.by_name)

    async def output_directory(self) -> Path:
        """The setting's."""
        return self.settings.output_directory

    async def set_output_directory(self, directory: str) -> Path:
        """Takes a folder that exists."""
        if not Path(directory).is_dir():
            raise InvalidOutputDirectory("Path is not a directory", "Name a folder that exists.")
        return Path(directory)

    async def ffmpeg(self, pipeline: Pipeline | None = None) -> FFmpeg:
        """One that can do all but VP9."""
        if self.no_ffmpeg:
            raise self.no_ffmpeg
        encoders = frozenset({"libaom-av1", "libx264", "aac", "libopus"})
        known = encoders, frozenset({"mp4", "webm"}), FEATURES
        return FFmpeg(Path("/opt/ffmpeg"), "9.0.2", *known, "path")
