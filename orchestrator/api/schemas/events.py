"""Wire types of /api/events: the data of each kind of server-sent event."""

from __future__ import annotations

from typing import Any, Literal

from orchestrator.api.schemas.common import Moment, Wire, example, example_of
from orchestrator.api.schemas.encodes import EncodeInfo, QueueState
from orchestrator.api.schemas.monitoring import Process, System
from orchestrator.api.schemas.outputs import OutputInfo
from orchestrator.api.schemas.recordings import LoggedEvent, RecordingSummary
from orchestrator.api.schemas.status import Live
from orchestrator.api.schemas.streams import Streams


class LiveRecording(Live):
    """The live figures of one running recording."""

    id: str
    """The recording's own id."""
    mint_id: str
    state: str
    """starting, recording, reconnecting or stopping."""
    duration_seconds: float | None

    model_config = example(
        {
            **example_of(Live),
            "id": example_of(RecordingSummary)["id"],
            "mint_id": example_of(RecordingSummary)["mint_id"],
            "state": "recording",
            "duration_seconds": 45.2,
        }
    )


class Figures(Wire):
    """What is measured, once a second. Event `figures`, without an id."""

    at: Moment
    recordings: list[LiveRecording]
    """All running recordings."""
    processes: list[Process]
    """As in GET /api/processes."""
    system: System

    model_config = example(
        {
            "at": "2024-12-01T14:31:07.000+00:00",
            "recordings": [example_of(LiveRecording)],
            "processes": [example_of(Process)],
            "system": example_of(System),
        }
    )


class Present(Wire):
    """The current state. Event `snapshot`; or `reset` if events may be missing (a first connection,
    or one after too long an absence): discard what you know about recordings."""

    figures: Figures
    recordings: list[RecordingSummary]
    """All running recordings, oldest first."""
    encodes: list[EncodeInfo]
    """Encodes that haven't ended, in the order of the queue."""
    encode_queue: QueueState
    outputs: list[OutputInfo]
    """Outputs that haven't ended, and all of running recordings."""
    streams: Streams | None
    """The newest list of live streams; null until there is one."""

    model_config = example(
        {
            "figures": example_of(Figures),
            "recordings": [example_of(RecordingSummary)],
            "encodes": [example_of(EncodeInfo)],
            "encode_queue": {"paused": None},
            "outputs": [example_of(OutputInfo)],
            "streams": example_of(Streams),
        }
    )


class Deleted(Wire):
    """A recording that was deleted. Event `deleted`."""

    id: str

    model_config = example({"id": example_of(RecordingSummary)["id"]})


EVENTS: dict[str, type[Wire]] = {
    "reset": Present,
    "snapshot": Present,
    "recording": RecordingSummary,
    "deleted": Deleted,
    "story": LoggedEvent,
    "streams": Streams,
    "figures": Figures,
    "encode": EncodeInfo,
    "encode_queue": QueueState,
    "output": OutputInfo,
}
"""The data type of each kind of event."""

Name = Literal[
    "reset",
    "snapshot",
    "recording",
    "deleted",
    "story",
    "streams",
    "figures",
    "encode",
    "encode_queue",
    "output",
]

EXAMPLE: dict[str, Any] = {name: example_of(model) for name, model in EVENTS.items()}
