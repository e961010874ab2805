"""Settings of the queue of finished recordings that are encoded again."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class EncodeSettings(BaseModel):
    """When finished recordings are encoded again."""

    encode_queue: Literal["running", "paused"] = Field(
        "running",
        description="Whether finished recordings that are queued for it are encoded again; paused, "
        "the queue only grows. Once it was paused or resumed by request, that holds.",
    )
    encode_replace: bool = Field(
        False,
        description="Whether the new file of an encode takes the place of the original, which is "
        "deleted when the new one is checked, where a request doesn't say.",
    )
    encode_on_battery: bool = Field(
        False,
        description="Encode finished recordings again while the machine runs on battery, too.",
    )
