"""Shared wire types: the base class, timestamps, and the body of every error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

MINT_ID = "V5cCiSixPLAiEDX2zZquT5VuLm4prr5t35PWmjNpump"
"""The stream id of every example: the one in the Recording API document."""

RECORDING_ID = "0d3f6c1e8a5b4f7d9c2e1a0b3c4d5e6f"
"""The recording id of every example."""

OUTPUT_PATH = "/path/to/recordings/Example_Coin_V5cCiSix_20241201_143022.av1"
"""The file of every example."""


def _moment(value: datetime) -> str:
    # The app computes Date.now() - new Date(start_time): without an offset that is local time.
    return value.astimezone(UTC).isoformat(timespec="milliseconds")


Moment = Annotated[
    datetime,
    PlainSerializer(_moment, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment, always written with its offset: ``2024-12-01T14:30:22.000+00:00``."""


STRICT = ConfigDict(extra="forbid")
"""Of bodies that only clients of ours send: a name that is misspelt is refused."""


def example(value: dict[str, Any]) -> ConfigDict:
    """Model configuration with an example for the documentation."""
    return ConfigDict(json_schema_extra={"examples": [value]})


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """The example that a model's configuration carries."""
    examples: list[dict[str, Any]] = model.model_json_schema()["examples"]
    return examples[0]


class Wire(BaseModel):
    """Base of all wire types: frozen, each field documented by the string below it."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class FieldProblem(Wire):
    """One invalid value of a request."""

    field: str
    """The field, e.g. ``video_quality`` or ``limit``; empty for the whole body."""
    problem: str
    """What is wrong, and which values are allowed."""

    model_config = example(
        {
            "field": "video_quality",
            "problem": "Input should be 'low', 'medium', 'high' or 'best' (got 'ultra')",
        }
    )


class Failure(Wire):
    """The body of every error, whatever its status."""

    success: Literal[False] = False
    error: str
    """What happened."""
    detail: str
    """What happened and what to do about it; can be shown alone."""
    code: str
    """The error for programs; it does not change when the wording does."""
    fields: list[FieldProblem] | None = None
    """The invalid values of the request; only for code `validation`."""
    context: dict[str, Any] | None = None
    """Details of the error, e.g. ffmpeg's last lines; null if there are none."""

    model_config = example(
        {
            "success": False,
            "error": f"Stream not found or not live for mint_id: {MINT_ID}",
            "detail": f"Stream not found or not live for mint_id: {MINT_ID}. "
            "Check the id, and that the stream is live now; GET /api/streams lists them.",
            "code": "stream_not_found",
            "fields": None,
            "context": None,
        }
    )
