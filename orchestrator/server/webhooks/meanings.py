"""What a line of a recording's event log means to web hooks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from orchestrator.catalog.models import Event
from orchestrator.outputs.webhook_events import WebhookEvent
from orchestrator.recordings.output_states import OutputState
from orchestrator.recordings.states import RecordingState

GAP_S: Final = 2.0
"""Shorter losses of the connection are not reported."""

_E = WebhookEvent
_S = RecordingState

_PAUSED: Final = "paused"
_RESUMED: Final = (_S.RECORDING, _S.RECONNECTING)

_UPLOADS: Final[dict[str, WebhookEvent]] = {
    OutputState.COMPLETE: _E.UPLOADED,
    OutputState.FAILED: _E.UPLOAD_FAILED,
}

_BEGIN: Final = ("missing", "gap")
_END: Final = ("arriving", "gap_ended")

KINDS: Final = frozenset({"joined", "state", "worker", *_BEGIN, *_END, "output", "encoded"})
"""Kinds of events that may mean something."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """An event as web hooks have it."""

    type: WebhookEvent
    at: datetime
    number: int
    """Its id in the event log."""
    data: dict[str, Any]


def meanings(events: Sequence[Event], now: datetime, *, over: bool) -> tuple[list[Meaning], int]:
    """What the events of one recording mean; and how many of them are dealt with.

    The rest waits: of a loss of the connection it isn't known yet whether it is worth a word.
    `over`: the recording has ended, so nothing more comes.
    """
    found = [(event, meaning(event)) for event in events]
    made: list[Meaning] = []
    skipped: set[int] = set()
    for index, (event, means) in enumerate(found):
        if means is None or index in skipped:
            continue
        if means.type is _E.GAP_BEGAN and means.data["cause"] == "connection":
            end = _end_of_gap(found, index)
            if end is not None and _age_s(event.at, found[end][0].at) < GAP_S:
                skipped.add(end)
                continue
            if end is None and not over and 0 <= _age_s(event.at, now) < GAP_S:
                return made, index
        made.append(means)
    return made, len(events)


def meaning(event: Event) -> Meaning | None:
    """What one event means; None: nothing."""
    found = _meaning(event.kind, event.data)
    if found is None:
        return None
    type, data = found
    return Meaning(type, event.at, event.id, data | {"message": event.message[:1000]})


def _meaning(kind: str, data: dict[str, Any]) -> tuple[WebhookEvent, dict[str, Any]] | None:
    if kind == "joined":
        return _E.JOINED, {}
    if kind == "state":
        return _of_state(data.get("from"), data.get("to"), data.get("cause", "connection"))
    if kind == "worker":
        recorded = data.get("state", _S.RECORDING) == _S.RECORDING
        return (_E.GAP_BEGAN, {"cause": "worker"}) if recorded else None
    if kind in _BEGIN + _END:
        type = _E.GAP_BEGAN if kind in _BEGIN else _E.GAP_ENDED
        return type, {"cause": "track"} | _some(data, "track")
    if kind == "output":
        return _of_output(data)
    return _E.ENCODED, _some(data, "encode_id", "state")


def _of_state(before: object, to: object, cause: str) -> tuple[WebhookEvent, dict[str, Any]] | None:
    if (before, to) == (_S.STARTING, _S.RECORDING):
        return _E.FIRST_FRAME, {}
    if to == _PAUSED:
        return _E.PAUSED, {}
    if before == _PAUSED and to in _RESUMED:
        return _E.RESUMED, {}
    if (before, to) == (_S.RECORDING, _S.RECONNECTING):
        return _E.GAP_BEGAN, {"cause": "connection"}
    if (before, to) == (_S.RECONNECTING, _S.RECORDING):
        return _E.GAP_ENDED, {"cause": cause}
    return None


def _of_output(data: dict[str, Any]) -> tuple[WebhookEvent, dict[str, Any]]:
    facts = _some(data, "output_id", "type", "from", "to")
    ended = _UPLOADS.get(str(data.get("to"))) if data.get("type") == "upload" else None
    return ended or _E.OUTPUT_CHANGED, facts


def _end_of_gap(found: Sequence[tuple[Event, Meaning | None]], began: int) -> int | None:
    for index, (_, means) in enumerate(found[began + 1 :], began + 1):
        if means is not None and means.type is _E.GAP_ENDED and means.data["cause"] == "connection":
            return index
    return None


def _some(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: data[name] for name in names if name in data}


def _age_s(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds()
