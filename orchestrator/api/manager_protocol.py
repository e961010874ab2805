"""The interface between the API and the manager behind it.

`orchestrator.server.manager.Manager` implements it; the tests have one in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.api.recording_parts import Encodes, Hls, Outputs, Sidecars, Uploads
from orchestrator.catalog.models import Event, File, Recording, Segment
from orchestrator.errors import HavenError
from orchestrator.media import Endpoint, Stream
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings

if TYPE_CHECKING:
    from orchestrator.capacity.admission import Capacity
    from orchestrator.catalog.video_library import VideoLibrary
    from orchestrator.catalog.webhooks.model import Delivery
    from orchestrator.encoding.pipeline.command import Pipeline
    from orchestrator.encoding.pipeline.loading import PipelineFailure
    from orchestrator.encoding.process.capabilities import FFmpeg
    from orchestrator.recordings.start_request import StartRequest
    from orchestrator.server.depin import Tick
    from orchestrator.server.streams.details import StreamDetails
    from orchestrator.server.streams.named_streams import DefinedBy
    from orchestrator.server.watches.watches import WatchStatus


class Pipelines(Protocol):
    """The pipelines that loaded, and those that didn't."""

    @property
    def by_name(self) -> Mapping[str, Pipeline]:
        """By name."""

    @property
    def failures(self) -> tuple[PipelineFailure, ...]:
        """Pipeline files that can't be used, with file and line."""

    def get(self, name: str, /) -> Pipeline:
        """The pipeline, or InvalidRequest or PipelineBroken."""


class Directory(Protocol):
    """The directories of live streams."""

    @property
    def names(self) -> Sequence[str]:
        """The directories that are queried, in order."""

    @property
    def failures(self) -> Mapping[str, HavenError]:
        """The last error of each directory whose last query failed."""

    async def find(self, id: str, /) -> Stream:
        """The live stream with this id; StreamNotFound, or the error of its directory."""

    async def live(self, limit: int, /) -> list[Stream]:
        """Live streams, the most watched first."""

    async def endpoint(self, stream: Stream, identity: str, /) -> Endpoint:
        """How to connect to the stream as `identity`."""


class Publishers(Protocol):
    """Publishers that send their streams to us."""

    def key_of(self, stream_id: str) -> str | None:
        """The key with which a stream may be published; None if it can't be."""

    async def offer(self, stream_id: str, sdp: str) -> dict[str, Any]:
        """Begins a session: `sdp` of the answer, `session` and `etag`."""

    async def of_session(self, stream_id: str, **request: Any) -> None:
        """Passes on what a publisher asks of its session, or PublisherNotFound."""

    async def processes(self) -> dict[int, str]:
        """The streams whose publishers are held, by the pids of the processes that do."""


class Catalog(Protocol):
    """The catalog's recordings, events and preferences."""

    async def preference(self, key: str, /) -> str | None:
        """The value stored under this key."""

    async def set_preference(self, key: str, value: str, /) -> None:
        """Stores a value, also for later servers."""

    async def latest_of(self, stream_id: str, /) -> Recording | None:
        """The newest recording of a stream, finished or not."""

    async def files(self, recording_id: str, /) -> list[File]:
        """Its final files, in order."""

    async def segments(self, recording_id: str, /) -> list[Segment]:
        """Its segments, in order."""

    async def events(self, recording_id: str, /, limit: int = 1000) -> list[Event]:
        """Its newest `limit` events, oldest first."""

    async def events_after(self, id: int, /, limit: int) -> tuple[list[Event], dict[str, str]]:
        """The newest events of all recordings after this id, oldest first.

        And the state of each running recording, by its id.
        """

    async def counts(self) -> dict[str, int]:
        """How many recordings there are in each state."""

    async def check(self) -> None:
        """Writes and reads a value; raises Unavailable if it can't."""


class Agent(Protocol):
    """The desktop app's agent."""

    async def tick(self) -> Tick:
        """Records the most watched stream."""


class Watches(Protocol):
    """Watched streams, which are recorded whenever they are live."""

    async def add(self, request: StartRequest, /) -> WatchStatus:
        """Watches a stream, or replaces its options."""

    async def remove(self, stream_id: str, /) -> None:
        """Stops watching a stream; NotWatched if it isn't watched."""

    async def all(self) -> list[WatchStatus]:
        """The state of each watched stream, oldest first."""


class NamedStreams(Protocol):
    """Streams with names of their own."""

    @property
    def discovery(self) -> str:
        """The name of their directory."""

    @property
    def version(self) -> int:
        """Changes whenever a stream was added or removed."""

    def definition(self, id: str, /) -> StreamSettings | None:
        """What was said of a stream; None if it is none of them."""

    def defined_by(self, id: str, /) -> DefinedBy | None:
        """Who defined it."""

    async def add(self, id: str, defined: StreamSettings, /) -> None:
        """Adds a stream; StreamExists, TooManyStreams."""

    async def remove(self, id: str, /) -> None:
        """Removes an added one; NotAdded, StreamConfigured, StillActive."""


class Webhooks(Protocol):
    """Calls of web hooks."""

    async def page(
        self, *, limit: int, offset: int, state: str | None = None, recording_id: str | None = None
    ) -> tuple[list[Delivery], int]:
        """One page of deliveries, newest first, and how many there are."""

    async def counts(self) -> dict[str, int]:
        """How many deliveries there are in each state."""

    async def retry(self, id: int, /) -> Delivery:
        """Tries one at once; DeliveryNotFound."""


class Manager(Protocol):
    """Starts, stops and lists recordings; all errors are HavenErrors."""

    @property
    def settings(self) -> Settings:
        """The settings in effect."""

    @property
    def pipelines(self) -> Pipelines:
        """The encoding pipelines."""

    @property
    def directory(self) -> Directory:
        """The directories of live streams."""

    @property
    def catalog(self) -> Catalog:
        """The catalog of recordings."""

    @property
    def publishers(self) -> Publishers:
        """Publishers that send their streams to us."""

    @property
    def library(self) -> VideoLibrary:
        """The final files, as the desktop app lists them."""

    @property
    def depin(self) -> Agent:
        """What records the most watched stream."""

    @property
    def hls(self) -> Hls:
        """Playlists and pieces of recordings."""

    @property
    def outputs(self) -> Outputs:
        """What becomes of recordings besides their files."""

    @property
    def uploads(self) -> Uploads:
        """Files of recordings at upload targets."""

    @property
    def sidecars(self) -> Sidecars:
        """The files beside recordings' own."""

    @property
    def webhooks(self) -> Webhooks:
        """Calls of web hooks."""

    @property
    def encodes(self) -> Encodes:
        """The queue of encodes."""

    @property
    def streams(self) -> NamedStreams:
        """Streams with names of their own."""

    async def details(self, stream_id: str, /) -> StreamDetails:
        """What is in a stream; StreamNotFound, or the error of its directory."""

    @property
    def watches(self) -> Watches:
        """The watched streams."""

    async def open(self) -> None:
        """Takes over the recordings that are already running."""

    async def close(self) -> None:
        """Finishes the recordings or leaves them running, as the settings say."""

    async def start(self, request: StartRequest, /) -> Recording:
        """Starts a recording; returns when its first frames are recorded."""

    async def stop(self, stream_id: str, /) -> Recording:
        """Stops a recording; returns when its file is final."""

    async def pause(self, stream_id: str, /, *, still: bool = False) -> Recording:
        """Pauses a recording; returns when nothing more is recorded."""

    async def resume(self, stream_id: str, /) -> Recording:
        """Has a recording go on; returns when it records again."""

    async def status(self, stream_id: str, /) -> Recording | None:
        """The active recording of a stream."""

    async def active(self) -> list[Recording]:
        """All running recordings."""

    async def history(
        self, *, limit: int, offset: int, state: str | None = None, stream_id: str | None = None
    ) -> tuple[list[Recording], int]:
        """Recordings, newest first, and how many there are in all."""

    async def get(self, recording_id: str, /) -> Recording:
        """The recording, or RecordingNotFound."""

    async def delete(self, recording_id: str, /) -> None:
        """Deletes the recording and its files; StillActive if it is running, FilesNotDeleted."""

    async def output_directory(self) -> Path:
        """The folder of the next recording."""

    async def set_output_directory(self, directory: str, /) -> Path:
        """Sets the output directory for this server and later ones."""

    async def ffmpeg(self, pipeline: Pipeline | None = None) -> FFmpeg:
        """The ffmpeg for a pipeline (or for every one), or FFmpegNotFound."""

    def worker_in_reserve(self) -> int | None:
        """The pid of the zygote, which workers are forked from."""

    async def capacity(self) -> Capacity:
        """The CPU available to recordings; FFmpegNotFound without an ffmpeg."""
