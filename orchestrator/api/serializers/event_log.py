"""An event of a recording's event log as a wire type, with its level. Pure."""

from __future__ import annotations

from typing import Any, Final, Literal

from orchestrator.api.schemas.recordings import EventInfo, LoggedEvent
from orchestrator.catalog.models import Event

Level = Literal["info", "warning", "error"]

_LEVELS: Final[dict[tuple[str, str, Any], Level]] = {
    ("state", "to", "failed"): "error",
    ("ffmpeg", "to", "fatal"): "error",
    ("ffmpeg", "to", "backoff"): "warning",
    ("writer", "to", "fatal"): "error",
    ("writer", "to", "backoff"): "warning",
    ("segment", "outcome", "failed"): "warning",
    ("segment", "outcome", "killed"): "warning",
    ("integrity", "outcome", "incomplete"): "error",
    ("connection", "connected", False): "warning",
    ("encoded", "state", "failed"): "error",
    ("output", "to", "failed"): "error",
    ("output", "to", "retrying"): "warning",
}
"""By the kind of event and one value of its data."""

_ALWAYS: Final[dict[str, Level]] = {
    "worker": "warning",
    "recovered": "warning",
    "missing": "warning",
    "gap": "warning",
    "left_out": "warning",
    "no_keyframe": "warning",
    "undecodable": "warning",
    "undecryptable": "warning",
}


def level(kind: str, data: dict[str, Any]) -> Level:
    """The level of an event; events of versions without data are `info`."""
    levels = (_LEVELS.get((kind, name, value)) for name, value in data.items() if _is_plain(value))
    return next((level for level in levels if level), _ALWAYS.get(kind, "info"))


def event(row: Event) -> EventInfo:
    """An event in the log of its recording."""
    return EventInfo(**_values(row))


def line(row: Event) -> LoggedEvent:
    """An event among those of other recordings."""
    return LoggedEvent(**_values(row), recording_id=row.recording_id)


def _values(row: Event) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in ("id", "at", "kind", "message", "data")}
    return values | {"level": level(row.kind, row.data)}


def _is_plain(value: object) -> bool:
    return isinstance(value, str | bool | int | float | None)
