"""Settings of what becomes of recordings besides their files."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from orchestrator.outputs.specs import MOST_OUTPUTS, Output
from orchestrator.outputs.webhooks import MOST_WEBHOOKS, Webhook
from orchestrator.settings.value_types import from_json


class OutputSettings(BaseModel):
    """Outputs and web hooks of recordings."""

    outputs: Annotated[list[Output], from_json('[{"type": "hls"}]')] = Field(
        [],
        max_length=MOST_OUTPUTS,
        description="Outputs of recordings whose request names none, each a table [[outputs]] with "
        "its type; in the environment as JSON.",
    )
    webhooks: Annotated[list[Webhook], from_json('[{"url": "https://…", "key": "…"}]')] = Field(
        [],
        max_length=MOST_WEBHOOKS,
        description="Web hooks of every recording, each a table [[webhooks]] with url, key and "
        "events; in the environment as JSON.",
    )
    allow_private_targets: bool = Field(
        False,
        description="Whether outputs and web hooks that requests name may lead to addresses of "
        "this machine and of private networks, and to folders; those of the settings always may.",
    )
    record_data: bool = Field(
        True,
        description="Keep data messages, chat, transcriptions and what participants do beside the "
        "file, where a request doesn't say.",
    )
    hide_recording: bool = Field(
        False,
        description="Don't show participants of a LiveKit room that they are recorded, where a "
        "request doesn't say.",
    )
