"""A server's start with an empty catalog, on a machine that does nothing, and what it did."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from orchestrator.capacity.admission import Capacity
from orchestrator.capacity.costs import costs_of
from orchestrator.catalog.models import Base, Recording
from orchestrator.catalog.reservations import Admit
from orchestrator.catalog.store import Catalog
from orchestrator.discovery.configured import ConfiguredDiscovery
from orchestrator.discovery.directory import Directory
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import HavenError, StreamNotFound
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

    named: ConfiguredDiscovery = field(default_factory=lambda: ConfiguredDiscovery({}))

    async def find(self, id: str) -> Stream:
        """Rooms are live."""
        self.steps.append("find")
        if not id.startswith("room"):
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

    # -- Watchdog

    async def want_stop(self, recording: Recording, failure: HavenError) -> None:
        """It is to end."""
        self.steps.append(f"stop: {failure.code}")


class Watched(Catalog):
    """A catalog that notes what a start asks of it."""

    def __init__(self, url: str, steps: list[str]) -> None:
        super().__init__(url)
        self._steps = steps

    async def active_of(self, stream_id: str) -> Recording | None:
        """Notes it."""
        self._steps.append("active")
        return await super().active_of(stream_id)

    async def create(
        self, recording: Recording, *, admit: Admit | None = None, beside: Sequence[Base] = ()
    ) -> None:
        """Notes it."""
        self._steps.append("create")
        await super().create(recording, admit=admit, beside=beside)


@asynccontextmanager
async def parts_in(folder: Path) -> AsyncIterator[Parts]:
    """Its catalog lies in this folder."""
    steps = list[str]()
    catalog = Watched(f"sqlite:///{folder / 'catalog.db'}", steps)
    await catalog.open(migrate=True)
    yield Parts(catalog, steps)
    await catalog.close()


def start_of(parts: Parts, folder: Path, *, answers: bool = True, **values: Any) -> RecordingStart:
    """The start of a server with these parts and settings."""
    settings = Settings(output_directory=folder, disk_reserve_bytes=0, **values)
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
        watchdog=cast(Watchdog, parts),
        on_created=lambda _: None,
        answers=answers,
    )
