"""What the API needs of the manager behind it, and nothing more.

`orchestrator.recordings.manager.Manager` is one; the tests have a small one in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestrator.catalog.models import Event, File, Recording, Segment
from orchestrator.errors import HavenError
from orchestrator.media import Endpoint, Stream
from orchestrator.settings import Settings

if TYPE_CHECKING:
    from orchestrator.catalog.library import Library
    from orchestrator.encoding.capabilities import FFmpeg
    from orchestrator.encoding.pipeline import Preset
    from orchestrator.encoding.presets import PresetFailure
    from orchestrator.recordings.admission import Capacity
    from orchestrator.recordings.depin import Tick
    from orchestrator.recordings.request import StartRequest
    from orchestrator.recordings.watches import Outlook


class Presets(Protocol):
    """The presets that loaded, and those that didn't."""

    @property
    def presets(self) -> Mapping[str, Preset]:
        """By name."""

    @property
    def failures(self) -> tuple[PresetFailure, ...]:
        """Preset files that can't be used, with file and line."""

    def get(self, name: str, /) -> Preset:
        """The preset, or InvalidRequest or PipelineBroken."""


class Directory(Protocol):
    """Where streams are found."""

    @property
    def names(self) -> Sequence[str]:
        """The directories that are asked, in their order."""

    @property
    def failures(self) -> Mapping[str, HavenError]:
        """What went wrong the last time, of each directory whose last answer was a failure."""

    async def find(self, id: str, /) -> Stream:
        """The live stream with this id, or StreamNotFound, or why that can't be found out."""

    async def live(self, limit: int, /) -> list[Stream]:
        """Live streams, the most watched first."""

    async def endpoint(self, stream: Stream, identity: str, /) -> Endpoint:
        """How to connect to the stream as `identity`."""


class Story(Protocol):
    """What the catalog tells of one recording."""

    async def latest_of(self, mint_id: str, /) -> Recording | None:
        """The newest recording of a stream, finished or not."""

    async def files(self, recording_id: str, /) -> list[File]:
        """Its final files, in order."""

    async def segments(self, recording_id: str, /) -> list[Segment]:
        """Its files, in order."""

    async def events(self, recording_id: str, /, limit: int = 1000) -> list[Event]:
        """What happened to it, in order."""

    async def news(self, id: int, /, limit: int) -> tuple[list[Event], dict[str, str]]:
        """Lines of all stories after the one with this id: the newest ones, in order.

        And the state of each recording that is not ended, by its id.
        """

    async def counts(self) -> dict[str, int]:
        """How many recordings there are in each state."""

    async def check(self) -> None:
        """Writes and reads something; Unavailable when that can't be done."""


class Agent(Protocol):
    """The desktop app's agent."""

    async def tick(self) -> Tick:
        """Records the most watched stream."""


class Watches(Protocol):
    """Streams that are recorded whenever they are live."""

    async def add(self, request: StartRequest, /) -> Outlook:
        """Waits for a stream, or does so with other options from now on."""

    async def remove(self, mint_id: str, /) -> None:
        """Waits no longer, or NotWatched."""

    async def all(self) -> list[Outlook]:
        """How each of them stands, the oldest first."""


class Manager(Protocol):
    """Starts, stops and knows recordings; every refusal is a HavenError."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""

    @property
    def presets(self) -> Presets:
        """How recordings can be encoded."""

    @property
    def directory(self) -> Directory:
        """Where streams are found."""

    @property
    def catalog(self) -> Story:
        """What was recorded."""

    @property
    def library(self) -> Library:
        """The final files, as the desktop app lists them."""

    @property
    def depin(self) -> Agent:
        """What records the most watched stream."""

    @property
    def watches(self) -> Watches:
        """The streams that are waited for."""

    async def open(self) -> None:
        """Takes up the recordings that run already."""

    async def close(self) -> None:
        """Finishes or leaves the recordings, as the settings say."""

    async def start(self, request: StartRequest, /) -> Recording:
        """Begins a recording; returns when frames are being recorded."""

    async def stop(self, mint_id: str, /) -> Recording:
        """Ends a recording; returns when its file is final."""

    async def status(self, mint_id: str, /) -> Recording | None:
        """The active recording of a stream."""

    async def active(self) -> list[Recording]:
        """All recordings that are not ended."""

    async def history(
        self, *, limit: int, offset: int, state: str | None = None, mint_id: str | None = None
    ) -> tuple[list[Recording], int]:
        """Recordings, newest first, and how many there are in all."""

    async def get(self, recording_id: str, /) -> Recording:
        """The recording, or RecordingNotFound."""

    async def delete(self, recording_id: str, /) -> None:
        """Removes file and row, or StillActive."""

    async def output_directory(self) -> Path:
        """Where the next recording goes."""

    async def set_output_directory(self, directory: str, /) -> Path:
        """Chooses it for this and every later server."""

    async def ffmpeg(self, preset: Preset | None = None) -> FFmpeg:
        """The ffmpeg for a preset (or for every one), or FFmpegNotFound."""

    def worker_in_reserve(self) -> int | None:
        """The pid of the process that waits for the next recording."""

    async def capacity(self) -> Capacity:
        """What recordings may take of this machine, or FFmpegNotFound."""
