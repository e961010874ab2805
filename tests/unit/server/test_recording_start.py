"""The steps of a start: each once, in order, and none after one that refuses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.capacity.admission import Capacity
from orchestrator.capacity.costs import costs_of
from orchestrator.catalog.models import Recording
from orchestrator.catalog.reservations import Admit
from orchestrator.catalog.store import Catalog
from orchestrator.discovery.directory import Directory
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import AlreadyActive, InvalidRequest, NoCapacity, StreamNotFound
from orchestrator.media import Stream
from orchestrator.recordings.limits import Limits
from orchestrator.recordings.start_request import StartedBy, StartRequest
from orchestrator.server.encoders import Encoders
from orchestrator.server.output_folders import OutputFolders
from orchestrator.server.recording_start import RecordingStart
from orchestrator.server.recording_workers import RecordingWorkers
from orchestrator.server.request_check import RequestCheck
from orchestrator.server.watchdog import Watchdog
from orchestrator.settings import Settings
from tests.kit.catalog.rows import recording

PIPELINES = Pipelines.load(None)
REQUEST = StartRequest(
    "room",
    output_format="h264",
    video_quality="best",
    speed_step=2,
    limits=Limits(max_duration_s=90.0),
    started_by=StartedBy.WATCH,
)


@dataclass
class Parts:
    """The server's parts that a start uses, and the order in which it did."""

    catalog: Catalog
    steps: list[str] = field(default_factory=list)
    limit_cores: float = 1.7
    pipelines: Pipelines = PIPELINES

    # -- Encoders

    async def require(self, pipeline: Pipeline) -> None:
        """There is an ffmpeg that can do it."""
        self.steps.append("ffmpeg")

    async def capacity(self, pipeline: Pipeline) -> Capacity:
        """Two cores."""
        self.steps.append("capacity")
        costs = costs_of(PIPELINES.by_name.values(), [])
        return Capacity("m", 2.0, self.limit_cores, costs, None, PIPELINES.by_name)

    # -- Directory

    async def find(self, id: str) -> Stream:
        """The only live one."""
        self.steps.append("find")
        if id != "room":
            raise StreamNotFound(id)
        return Stream(id, "demo", name="A talk")

    async def with_video_known(self, stream: Stream) -> Stream:
        """It has video."""
        self.steps.append("video")
        return replace(stream, video=True)

    # -- RecordingWorkers

    async def launch(self, row: Recording) -> None:
        """A worker that records at once."""
        self.steps.append("launch")
        await self.catalog.update(row.id, state="recording")


class Watched(Catalog):
    """A catalog that notes what a start asks of it."""

    def __init__(self, url: str, steps: list[str]) -> None:
        super().__init__(url)
        self._steps = steps

    async def active_of(self, stream_id: str) -> Recording | None:
        """Notes it."""
        self._steps.append("active")
        return await super().active_of(stream_id)

    async def create(self, recording: Recording, *, admit: Admit | None = None) -> None:
        """Notes it."""
        self._steps.append("create")
        await super().create(recording, admit=admit)


@pytest.fixture
async def parts(tmp_path: Path) -> Any:
    """An empty catalog and a machine that does nothing."""
    steps = list[str]()
    catalog = Watched(f"sqlite:///{tmp_path / 'catalog.db'}", steps)
    await catalog.open(migrate=True)
    yield Parts(catalog, steps)
    await catalog.close()


def start_of(parts: Parts, folder: Path) -> RecordingStart:
    """The start of a server with these parts."""
    settings = Settings(output_directory=folder, disk_reserve_bytes=0)
    folders = OutputFolders(settings, parts.catalog)
    encoders = cast(Encoders, parts)
    return RecordingStart(
        settings,
        parts.catalog,
        cast(Directory, parts),
        RequestCheck(settings, encoders, folders),
        encoders=encoders,
        folders=folders,
        workers=cast(RecordingWorkers, parts),
        watchdog=cast(Watchdog, None),
    )


async def test_each_step_is_done_once_and_in_order(parts: Parts, tmp_path: Path) -> None:
    row = await start_of(parts, tmp_path).start(REQUEST)
    assert parts.steps == ["ffmpeg", "active", "find", "capacity", "video", "create", "launch"]
    found = await parts.catalog.get(row.id)
    assert (found.stream_id, found.stream["name"]) == ("room", "A talk")
    assert found.stream["video"] is True
    assert (found.pipeline, found.output_format) == ("mp4", "mp4")
    assert (found.video_quality, found.audio_quality) == ("high", "high")
    assert (found.speed_step, found.speed_pinned) == (2, True)
    assert (found.limits, found.started_by) == ({"max_duration_s": 90.0}, "watch")
    assert found.reserved_cores is not None
    assert Path(found.work_directory).is_dir()
    assert Path(found.output_path).parent == tmp_path
    assert found.state == "recording"


async def test_what_is_checked_asks_no_directory(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no speed step 9"):
        await start_of(parts, tmp_path).start(replace(REQUEST, speed_step=9))
    assert parts.steps == []


async def test_a_stream_that_is_recorded_is_not_looked_for(parts: Parts, tmp_path: Path) -> None:
    await parts.catalog.create(recording("a", "room"))
    parts.steps.clear()
    with pytest.raises(AlreadyActive):
        await start_of(parts, tmp_path).start(REQUEST)
    assert parts.steps == ["ffmpeg", "active"]


async def test_a_stream_that_is_not_live_costs_nothing(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(StreamNotFound):
        await start_of(parts, tmp_path).start(replace(REQUEST, stream_id="other"))
    assert parts.steps == ["ffmpeg", "active", "find"]


async def test_who_is_not_admitted_leaves_nothing(parts: Parts, tmp_path: Path) -> None:
    parts.limit_cores = 0.01
    films = tmp_path / "films"
    films.mkdir()
    with pytest.raises(NoCapacity):
        await start_of(parts, films).start(REQUEST)
    assert "launch" not in parts.steps
    assert list(films.iterdir()) == []
    assert await parts.catalog.active() == []
