"""From the rows of encodes to the wire's types. Pure."""

from __future__ import annotations

from typing import Any

from orchestrator.api.schemas.encodes import (
    EncodeBody,
    EncodedFile,
    EncodeInfo,
    EncodeProgress,
)
from orchestrator.catalog.encode_model import Encode
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.encodes.states import EncodeState
from orchestrator.settings import Settings


def options_of(body: EncodeBody, settings: Settings) -> EncodeOptions:
    """The options that a body describes."""
    replace = settings.encode_replace if body.replace is None else body.replace
    return EncodeOptions(**(body.model_dump() | {"replace": replace}))


def values(row: Encode) -> dict[str, Any]:
    """The fields of EncodeInfo."""
    same = "id recording_id created_at started_at ended_at error_code error detail"
    return {
        **{name: getattr(row, name) for name in same.split()},
        "state": EncodeState(row.state),
        "request": EncodeBody(**row.request),
        "progress": EncodeProgress(**row.progress) if row.progress else None,
        "files": [_file(int(part), row.result[part]) for part in sorted(row.result, key=int)],
    }


def info(row: Encode) -> EncodeInfo:
    """One encode."""
    return EncodeInfo(**values(row))


def _file(part: int, result: dict[str, Any]) -> EncodedFile:
    known = {name: result[name] for name in EncodedFile.model_fields if name != "part"}
    return EncodedFile(part=part, **known)
