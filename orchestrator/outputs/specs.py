"""Outputs of a recording, as requests, settings and rows name them.

URLs, tokens and credentials are secrets: `repr` and errors don't show them, rows have them sealed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, TypeAdapter

from orchestrator.e2ee_keys import revealed

MOST_OUTPUTS: Final = 16
"""Of one recording."""

_CONFIG: Final = ConfigDict(
    frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
)


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [value]})


_SecretUrl = Annotated[SecretStr, Field(min_length=1, max_length=4096)]


def _switch_as_text(value: object) -> object:
    """true and false as obstore takes them: as text."""
    return str(value).lower() if isinstance(value, bool) else value


_UploadOptions = Annotated[
    dict[
        Annotated[str, Field(max_length=64)],
        Annotated[SecretStr, BeforeValidator(_switch_as_text, json_schema_input_type=str | bool)],
    ],
    Field(max_length=32),
]


class HlsOutput(BaseModel):
    """A playlist of fragmented MP4 (CMAF), playable while it is recorded."""

    model_config = _CONFIG | _example({"type": "hls", "low_latency": True})

    type: Literal["hls"]
    window_s: float | None = Field(None, ge=10, le=1e6)
    """How much a live playlist goes back; null: to the beginning."""
    low_latency: bool = False
    """Parts of a third of a second and playlists that are answered when there is a new one."""


class UploadOutput(BaseModel):
    """The files, in object storage or another folder."""

    model_config = _CONFIG | _example({"type": "upload", "url": "s3://bucket/prefix"})

    type: Literal["upload"]
    url: _SecretUrl
    """s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///folder."""
    options: _UploadOptions = {}
    """Where and how: endpoint, region, access_key_id, secret_access_key and the like; without
    keys and endpoint, those of the server's environment."""
    fallback_url: _SecretUrl | None = None
    """Where it is uploaded to instead once the first can't be used."""
    fallback_options: _UploadOptions = {}
    hls: bool = False
    """Pieces for HLS as well, while it is recorded, and playlists of those that are there."""
    keep_local: Literal["always", "until_uploaded"] = "always"
    bandwidth_bps: int | None = Field(None, ge=64_000, le=10**11)
    """Most bits per second; null: no limit."""


class PushOutput(BaseModel):
    """A live stream to another server."""

    model_config = _CONFIG | _example(
        {"type": "push", "url": "rtmp://live.example.org/app/stream-key"}
    )

    type: Literal["push"]
    url: _SecretUrl
    """rtmp://, rtmps://, srt:// or whip+https://, with its stream key."""
    token: SecretStr | None = Field(None, max_length=4096)
    """Bearer token, of WHIP."""


class ImagesOutput(BaseModel):
    """Still images."""

    model_config = _CONFIG | _example({"type": "images", "interval_s": 10})

    type: Literal["images"]
    interval_s: float | None = Field(None, ge=1, le=86_400)
    """Seconds from one to the next; null: 10, or none at intervals with `scene_changes`."""
    scene_changes: bool = False
    """One for each scene change."""
    format: Literal["jpeg", "webp"] = "jpeg"
    width: int | None = Field(None, ge=16, le=4096)
    """Pixels; null: as recorded."""
    sprite: bool = True
    """One image of small ones for a player's time line, with WebVTT that says which is when."""


Output = Annotated[
    HlsOutput | UploadOutput | PushOutput | ImagesOutput, Field(discriminator="type")
]
Outputs = Annotated[list[Output], Field(max_length=MOST_OUTPUTS)]

_ADAPTER: Final[TypeAdapter[Output]] = TypeAdapter(Output)
_LIST: Final[TypeAdapter[list[Output]]] = TypeAdapter(list[Output])


def plain(outputs: Output | Sequence[Output]) -> str:
    """As JSON, secrets in plain text: for sealing, or a worker's standard input."""
    return json.dumps(revealed(outputs))


def read_output(text: str) -> Output:
    """Reads one that `plain` wrote."""
    return _ADAPTER.validate_json(text)


def read_outputs(text: str) -> list[Output]:
    """Reads a list that `plain` wrote."""
    return _LIST.validate_json(text)


def shown(output: Output) -> dict[str, Any]:
    """What anybody may know of it: addresses without user, password, stream key and query."""
    values: dict[str, Any] = {}
    for name, value in output:
        if isinstance(value, SecretStr):
            text = value.get_secret_value()
            values[name] = masked_url(text) if "://" in text else "***"
        elif isinstance(value, dict):
            values[name] = dict.fromkeys(value, "***")
        else:
            values[name] = value
    return values


def masked_url(url: str) -> str:
    """Scheme, host and what may be known of the path: of a push the last part is its stream key."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("?")[0].partition("#")[0]
    host, slash, path = place.partition("/")
    host = host.rpartition("@")[2]
    if scheme.lower() in ("s3", "gs", "gcs", "az", "azure", "file"):
        return f"{scheme}://{host}{slash}{path}"
    if scheme.lower().startswith("whip"):  # any part of its path may be the key
        return f"{scheme}://{host}{slash}***"
    application, slash_before_key, _ = path.rstrip("/").rpartition("/")
    shown_path = f"{application}{slash_before_key}***" if path else ""
    return f"{scheme}://{host}{slash}{shown_path}" + ("?***" if "?" in url else "")
