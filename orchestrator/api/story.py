"""A line of a recording's story on the wire, with how grave it is. Pure."""

from __future__ import annotations

from typing import Any, Final, Literal

from orchestrator.api.schemas.recordings import EventInfo, StoryLine
from orchestrator.catalog.models import Event

Level = Literal["info", "warning", "error"]

_LEVELS: Final[dict[tuple[str, str, Any], Level]] = {
    ("state", "to", "failed"): "error",
    ("ffmpeg", "to", "fatal"): "error",
    ("ffmpeg", "to", "backoff"): "warning",
    ("segment", "outcome", "failed"): "warning",
    ("segment", "outcome", "killed"): "warning",
    ("integrity", "outcome", "incomplete"): "error",
    ("connection", "connected", False): "warning",
}
"""By kind, and by one value of its data."""

_ALWAYS: Final[dict[str, Level]] = {"worker": "warning", "recovered": "warning"}


def level(kind: str, data: dict[str, Any]) -> Level:
    """Whether somebody should look at it. Lines of versions without data are `info`."""
    found = (_LEVELS.get((kind, name, value)) for name, value in data.items() if _is_plain(value))
    return next((one for one in found if one), _ALWAYS.get(kind, "info"))


def event(row: Event) -> EventInfo:
    """As it stands in its recording."""
    return EventInfo(**_values(row))


def line(row: Event) -> StoryLine:
    """As it stands among lines of other recordings."""
    return StoryLine(**_values(row), recording_id=row.recording_id)


def _values(row: Event) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in ("id", "at", "kind", "message", "data")}
    return told | {"level": level(row.kind, row.data)}


def _is_plain(value: object) -> bool:
    return isinstance(value, str | bool | int | float | None)
