"""The requests that a server accepts, each described once for both clients.

The names are those of the routes; the types are the server's own (orchestrator.api).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack
from urllib.parse import quote

from orchestrator.api.schemas.encodes import EncodeAnswer, EncodeList, QueueAnswer
from orchestrator.api.schemas.health import Health
from orchestrator.api.schemas.outputs import OutputAnswer, OutputList
from orchestrator.api.schemas.recording_control import (
    Formats,
    OutputDirectory,
    Paused,
    Started,
    Stopped,
)
from orchestrator.api.schemas.recordings import Deleted, History, RecordingDetails
from orchestrator.api.schemas.start import Quality
from orchestrator.api.schemas.status import Active, Status
from orchestrator.api.schemas.streams import Added, Removed, StreamDetails, Streams
from orchestrator.api.schemas.watches import Unwatched, Watched, WatchList
from orchestrator.api.schemas.webhooks.deliveries import (
    DeliveryAnswer,
    DeliveryList,
    DeliveryState,
)

Answer = TypeVar("Answer")
OutputType = Literal["hls", "upload", "push", "images"]


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One request, and the type of its response."""

    method: str
    path: str
    answer: type[Answer]
    given: dict[str, Any] | None = None
    """The body of a POST or PUT, or the query of a GET."""


class EncodeOptions(TypedDict, total=False):
    """How to encode a finished recording again (orchestrator.api EncodeBody)."""

    pipeline: str
    quality: Quality
    crf: int
    bitrate_bps: int
    replace: bool
    vmaf: bool


class Options(TypedDict, total=False):
    """How to record; the server has defaults for what is left out (orchestrator.api StartBody)."""

    output_format: str
    video_quality: Quality
    audio_quality: Quality
    output_directory: str
    pipeline: str
    tracks: Literal["selected", "all"]
    e2ee: dict[str, Any]
    speed_step: int
    max_duration_s: float
    max_size_bytes: int
    split_minutes: float
    split_bytes: int
    encode: EncodeOptions
    outputs: Sequence[Mapping[str, Any]]
    webhooks: Sequence[Mapping[str, Any]]
    data: bool
    hide_recording: bool


class StreamSource(TypedDict, total=False):
    """Where a stream comes from (orchestrator.api StreamBody)."""

    name: str
    whep: str
    token: str
    whip: str
    url: str
    e2ee: dict[str, Any]


class Filter(TypedDict, total=False):
    """Which recordings of the history to return."""

    limit: int
    offset: int
    state: str
    mint_id: str


class DeliveryFilter(TypedDict, total=False):
    """Which calls of web hooks to return."""

    limit: int
    offset: int
    state: DeliveryState
    recording_id: str


class EncodeFilter(TypedDict, total=False):
    """Which encodes to return."""

    limit: int
    offset: int
    state: str
    recording_id: str


def start(mint_id: str, **options: Unpack[Options]) -> Call[Started]:
    """Starts recording a stream; returns when its first frames are recorded."""
    return Call("POST", "recording/start", Started, {"mint_id": mint_id, **options})


def pause(mint_id: str, *, still: bool = False) -> Call[Paused]:
    """Pauses a recording; `still`: with a still frame for it, else its time is cut out."""
    return Call("POST", "recording/pause", Paused, {"mint_id": mint_id, "still": still})


def resume(mint_id: str) -> Call[Paused]:
    """Has a paused recording go on."""
    return Call("POST", "recording/resume", Paused, {"mint_id": mint_id})


def stop(mint_id: str) -> Call[Stopped]:
    """Stops the recording of a stream; returns when its file is final."""
    return Call("POST", "recording/stop", Stopped, {"mint_id": mint_id})


def status(mint_id: str) -> Call[Status]:
    """The state of a stream's recording; no error if there is none."""
    return Call("GET", f"recording/status/{_escaped(mint_id)}", Status)


def active() -> Call[Active]:
    """All running recordings, by stream id."""
    return Call("GET", "recording/active", Active)


def output_directory() -> Call[OutputDirectory]:
    """The output directory of the next recording."""
    return Call("GET", "recording/output-directory", OutputDirectory)


def set_output_directory(directory: str) -> Call[OutputDirectory]:
    """Sets the output directory for new recordings."""
    path = "recording/set-output-directory"
    return Call("POST", path, OutputDirectory, {"directory": directory})


def formats() -> Call[Formats]:
    """The available formats and qualities."""
    return Call("GET", "recording/formats", Formats)


def watch(mint_id: str, **options: Unpack[Options]) -> Call[Watched]:
    """Watches a stream: records it whenever it is live."""
    return Call("POST", "recording/watch", Watched, {"mint_id": mint_id, **options})


def watches() -> Call[WatchList]:
    """The watched streams."""
    return Call("GET", "recording/watch", WatchList)


def unwatch(mint_id: str) -> Call[Unwatched]:
    """Stops watching a stream."""
    return Call("DELETE", f"recording/watch/{_escaped(mint_id)}", Unwatched)


def recordings(**which: Unpack[Filter]) -> Call[History]:
    """One page of the history, newest first."""
    return Call("GET", "recordings", History, {**which})


def recording(id: str) -> Call[RecordingDetails]:
    """One recording by its own id: its files, segments and event log."""
    return Call("GET", f"recordings/{_escaped(id)}", RecordingDetails)


def delete(id: str) -> Call[Deleted]:
    """Deletes a finished recording and its files."""
    return Call("DELETE", f"recordings/{_escaped(id)}", Deleted)


def outputs(recording_id: str) -> Call[OutputList]:
    """All outputs of a recording, in the order in which they were asked for."""
    return Call("GET", f"recordings/{_escaped(recording_id)}/outputs", OutputList)


def add_output(recording_id: str, type: OutputType, **options: Any) -> Call[OutputAnswer]:
    """Adds an output to a recording that runs; to one that has ended, an upload."""
    path = f"recordings/{_escaped(recording_id)}/outputs"
    return Call("POST", path, OutputAnswer, {"type": type, **options})


def remove_output(recording_id: str, id: str) -> Call[OutputAnswer]:
    """Ends an output; what it made so far stays, and the recording goes on."""
    path = f"recordings/{_escaped(recording_id)}/outputs/{_escaped(id)}"
    return Call("DELETE", path, OutputAnswer)


def retry_output(recording_id: str, id: str) -> Call[OutputAnswer]:
    """Tries an output at once that failed or waits for its next try."""
    path = f"recordings/{_escaped(recording_id)}/outputs/{_escaped(id)}/retry"
    return Call("POST", path, OutputAnswer)


def deliveries(**which: Unpack[DeliveryFilter]) -> Call[DeliveryList]:
    """One page of the calls of web hooks, newest first."""
    return Call("GET", "webhooks/deliveries", DeliveryList, {**which})


def retry_delivery(id: int) -> Call[DeliveryAnswer]:
    """Tries a call of a web hook at once that failed or waits for its next try."""
    return Call("POST", f"webhooks/deliveries/{id}/retry", DeliveryAnswer)


def encode(recording_id: str, **options: Unpack[EncodeOptions]) -> Call[EncodeAnswer]:
    """Queues a finished recording to be encoded again, slowly and small."""
    path = f"recordings/{_escaped(recording_id)}/encode"
    return Call("POST", path, EncodeAnswer, {**options})


def encodes(**which: Unpack[EncodeFilter]) -> Call[EncodeList]:
    """One page of the encodes, newest first."""
    return Call("GET", "encodes", EncodeList, {**which})


def get_encode(id: str) -> Call[EncodeAnswer]:
    """One encode: its progress, or what came of it."""
    return Call("GET", f"encodes/{_escaped(id)}", EncodeAnswer)


def cancel_encode(id: str) -> Call[EncodeAnswer]:
    """Cancels an encode; returns when it has ended. The recording stays as it is."""
    return Call("DELETE", f"encodes/{_escaped(id)}", EncodeAnswer)


def pause_encodes(paused: bool) -> Call[QueueAnswer]:
    """Pauses the queue of encodes, or has it go on; kept over restarts of the server."""
    return Call("PUT", "encodes/queue", QueueAnswer, {"paused": paused})


def stream(mint_id: str) -> Call[StreamDetails]:
    """One stream: who publishes what, and whether it can be recorded."""
    return Call("GET", f"streams/{_escaped(mint_id)}", StreamDetails)


def add_stream(mint_id: str, **source: Unpack[StreamSource]) -> Call[Added]:
    """Adds a stream with a name of its own."""
    return Call("POST", "streams", Added, {"mint_id": mint_id, **source})


def remove_stream(mint_id: str) -> Call[Removed]:
    """Removes a stream that was added."""
    return Call("DELETE", f"streams/{_escaped(mint_id)}", Removed)


def streams(limit: int = 20) -> Call[Streams]:
    """The live streams, the most watched first."""
    return Call("GET", "streams", Streams, {"limit": limit})


def health() -> Call[Health]:
    """Whether recordings can be started, and if not, why."""
    return Call("GET", "health", Health)


def _escaped(text: str) -> str:
    return quote(text, safe="")
