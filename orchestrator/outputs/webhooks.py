"""Web hooks, as requests and settings name them. The URL and the key are secrets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter

from orchestrator.e2ee_keys import revealed

MOST_WEBHOOKS: Final = 8
"""Of one request, and of the settings."""


class Webhook(BaseModel):
    """Who is called when something happens to a recording."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [{"url": "https://example.org/hook", "events": ["finished"]}]
        },
    )

    url: Annotated[SecretStr, Field(min_length=1, max_length=4096)]
    """http:// or https://, called with POST."""
    key: Annotated[SecretStr, Field(min_length=1, max_length=1024)] | None = None
    """What calls are signed with; null: they aren't."""
    signature: Literal["hmac", "livekit"] = "hmac"
    """hmac: HMAC-SHA256 of timestamp and body. livekit: a JWT with the body's SHA-256, as LiveKit
    signs its own."""
    events: list[Annotated[str, Field(max_length=64)]] | None = Field(None, max_length=64)
    """Names of the events that it is called for; null: all."""


Webhooks = Annotated[list[Webhook], Field(max_length=MOST_WEBHOOKS)]

_LIST: Final[TypeAdapter[list[Webhook]]] = TypeAdapter(list[Webhook])


def plain_webhooks(webhooks: Sequence[Webhook]) -> str:
    """As JSON, secrets in plain text: for sealing."""
    return json.dumps(revealed(webhooks))


def read_webhooks(text: str) -> list[Webhook]:
    """Reads what `plain_webhooks` wrote."""
    return _LIST.validate_json(text)
