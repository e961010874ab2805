"""Web hooks, as requests and settings name them. The URL and the key are secrets."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Annotated, Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    field_validator,
    model_validator,
)

from orchestrator.e2ee_keys import revealed
from orchestrator.outputs.webhook_events import WebhookEvent

MOST_WEBHOOKS: Final = 8
"""Of one request, and of the settings."""

KEY_PREFIX: Final = "whsec_"
"""Of keys that are base64 (Standard Webhooks); others are signed with as they are."""
KEY_BYTES: Final = range(24, 65)
"""How many bytes such a key has."""


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
    """What calls are signed with; null: they aren't. hmac: whsec_ and 24 to 64 bytes in base64, or
    any text. livekit: the API key, a colon and its secret."""
    signature: Literal["hmac", "livekit"] = "hmac"
    """hmac: HMAC-SHA256 of id, time and body (Standard Webhooks). livekit: a JWT with the body's
    SHA-256, as LiveKit signs its own."""
    events: Annotated[list[WebhookEvent], Field(max_length=64)] | None = None
    """The events that it is called for; null: all."""

    @field_validator("url")
    @classmethod
    def _checked_url(cls, url: SecretStr) -> SecretStr:
        _check_url(url.get_secret_value())
        return url

    @model_validator(mode="after")
    def _checked_key(self) -> Webhook:
        key = None if self.key is None else self.key.get_secret_value()
        if self.signature == "livekit":
            _check_livekit_key(key)
        elif key is not None and key.startswith(KEY_PREFIX):
            signing_key(key)
        return self

    @property
    def host(self) -> str:
        """Whom it calls: a name, or an address without brackets."""
        return urlsplit(self.url.get_secret_value()).hostname or ""

    @property
    def shown_url(self) -> str:
        """The URL as anybody may know it: where it leads often is the receiver's only secret."""
        parts = urlsplit(self.url.get_secret_value())
        path = "/***" if parts.path.strip("/") or parts.query else parts.path
        return f"{parts.scheme}://{parts.netloc}{path}"

    @property
    def secrets(self) -> frozenset[str]:
        """What no text may have of it: the URL's path and query, each part of them as it is written
        and decoded, and the key.
        """
        parts = urlsplit(self.url.get_secret_value())
        key = "" if self.key is None else self.key.get_secret_value()
        found = [key, key.removeprefix(KEY_PREFIX), parts.query]
        if self.signature == "livekit":
            found.append(key.partition(":")[2])
        path = parts.path.strip("/")
        found += [path, *path.split("/"), *parts.query.split("&")]
        found += [each.partition("=")[2] for each in parts.query.split("&")]
        return frozenset(form for each in found for form in (each, unquote(each)) if form)


def signing_key(key: str) -> bytes:
    """What is signed with; ValueError for whsec_ without 24 to 64 bytes in base64 behind it."""
    if not key.startswith(KEY_PREFIX):
        return key.encode()
    try:
        decoded = b64decode(key.removeprefix(KEY_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a key that begins with whsec_ goes on in base64") from error
    if len(decoded) not in KEY_BYTES:
        raise ValueError("a key that begins with whsec_ goes on with 24 to 64 bytes in base64")
    return decoded


def _check_url(url: str) -> None:
    """ValueError, which doesn't show it."""
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a web hook's URL begins with http:// or https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a web hook's URL has no user and password: it is signed with its key")
    if parts.fragment or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError(
            "a web hook's URL has no fragment, spaces, backslashes or others that can't be shown"
        )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # ValueError unless it is a port
    except ValueError as error:
        raise ValueError("a web hook's URL can't be read") from error
    return parts


def _check_livekit_key(key: str | None) -> None:
    name, colon, secret = (key or "").partition(":")
    if not (name and colon and secret):
        raise ValueError("a web hook that is signed as LiveKit's has the key API_KEY:SECRET")


Webhooks = Annotated[list[Webhook], Field(max_length=MOST_WEBHOOKS)]

_LIST: Final[TypeAdapter[list[Webhook]]] = TypeAdapter(list[Webhook])


def plain_webhooks(webhooks: Sequence[Webhook]) -> str:
    """As JSON, secrets in plain text: for sealing."""
    return json.dumps(revealed(webhooks))


def read_webhooks(text: str) -> list[Webhook]:
    """Reads what `plain_webhooks` wrote."""
    return _LIST.validate_json(text)
