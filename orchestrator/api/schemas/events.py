"""Wire types of /api/events: the data of each kind of server-sent event."""

from __future__ import annotations

from typing import Any, Literal

from orchestrator.api.schemas.common import Moment, Wire, example, example_of
from orchestrator.api.schemas.machine import Streams
from orchestrator.api.schemas.monitoring import Process, System
from orchestrator.api.schemas.recordings import RecordingSummary, StoryLine
from orchestrator.api.schemas.status import Live


class LiveRecording(Live):
    """The figures of one recording that runs."""

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
    """Once a second: what is measured. Event `figures`, without an id."""

    at: Moment
    recordings: list[LiveRecording]
    """All that run."""
    processes: list[Process]
    """As GET /api/processes has them."""
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
    """All that is now. Event `snapshot`; or `reset`, when lines of the story can't be told any
    more (a first visit, or too long away): forget what you know of recordings."""

    figures: Figures
    recordings: list[RecordingSummary]
    """All that run, oldest first."""
    streams: Streams | None
    """The newest list; null until somebody has looked."""

    model_config = example(
        {
            "figures": example_of(Figures),
            "recordings": [example_of(RecordingSummary)],
            "streams": example_of(Streams),
        }
    )


class Deleted(Wire):
    """A recording that is no longer known. Event `deleted`."""

    id: str

    model_config = example({"id": example_of(RecordingSummary)["id"]})


EVENTS: dict[str, type[Wire]] = {
    "reset": Present,
    "snapshot": Present,
    "recording": RecordingSummary,
    "deleted": Deleted,
    "story": StoryLine,
    "streams": Streams,
    "figures": Figures,
}
"""What stands in the data of each kind of event."""

Name = Literal["reset", "snapshot", "recording", "deleted", "story", "streams", "figures"]

EXAMPLE: dict[str, Any] = {name: example_of(model) for name, model in EVENTS.items()}
