"""Wire types of outputs, and of what a recording has beside its file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel

from orchestrator.api.schemas.common import (
    RECORDING_ID,
    Failure,
    Moment,
    Wire,
    example,
    example_of,
)
from orchestrator.outputs.specs import Output, Outputs
from orchestrator.outputs.webhooks import Webhooks
from orchestrator.recordings.output_states import OutputState

OUTPUT_ID = "7c1f0e2d3b4a59687766554433221100"
"""The output id of every example."""


class BesideTheFile(Wire):
    """What is made of a recording besides its file."""

    outputs: Outputs | None = None
    """What becomes of the recording besides its file: `hls`, `upload`, `push`, `images`. Null:
    those of the settings; an empty list: none."""
    webhooks: Webhooks | None = None
    """Who is called when something happens to it, besides the web hooks of the settings."""
    data: bool | None = None
    """Keep data messages, chat, transcriptions and what participants do. Null: by setting."""
    hide_recording: bool | None = None
    """Don't show participants of a LiveKit room that they are recorded. Null: by setting."""


class OutputBody(RootModel[Annotated[Output, Field(discriminator="type")]]):
    """An output to add to a recording."""

    model_config = example({"type": "push", "url": "rtmp://live.example.org/app/stream-key"})


class OutputStanding(Wire):
    """How one output of a recording stands, in short."""

    id: str
    type: Literal["hls", "upload", "push", "images"]
    state: OutputState
    """waiting, active, retrying, complete, failed or removed."""
    error: str | None
    """Of the last failure; null once it works again."""

    model_config = example({"id": OUTPUT_ID, "type": "push", "state": "active", "error": None})


class OutputInfo(Wire):
    """One output of a recording."""

    id: str
    recording_id: str
    type: Literal["hls", "upload", "push", "images"]
    state: OutputState
    """waiting: nothing of it is made yet. active. retrying: it failed, and is tried again at
    `next_try_at`. complete: all of the recording is in it. failed: it is given up. removed: by
    request."""
    request: dict[str, Any]
    """What was asked for; keys and passwords are not shown."""
    figures: dict[str, Any]
    """What its type measures."""
    attempts: int
    """How often it failed."""
    error: Failure | None
    """Of the last failure; null once it works again."""
    created_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    next_try_at: Moment | None

    model_config = example(
        {
            "id": OUTPUT_ID,
            "recording_id": RECORDING_ID,
            "type": "push",
            "state": "active",
            "request": {"type": "push", "url": "rtmp://live.example.org/app/***", "token": None},
            "figures": {},
            "attempts": 0,
            "error": None,
            "created_at": "2024-12-01T14:30:20.511+00:00",
            "started_at": "2024-12-01T14:30:22.000+00:00",
            "ended_at": None,
            "next_try_at": None,
        }
    )


class OutputAnswer(OutputInfo):
    """An output that was added or changed."""

    success: Literal[True] = True

    model_config = example({"success": True, **example_of(OutputInfo)})


class OutputList(Wire):
    """All outputs of a recording."""

    success: Literal[True] = True
    outputs: list[OutputInfo]

    model_config = example({"success": True, "outputs": [example_of(OutputInfo)]})
