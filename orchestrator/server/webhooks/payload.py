"""What receivers get: an event as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from orchestrator.catalog.models import File, Recording
from orchestrator.outputs.webhook_events import WebhookEvent
from orchestrator.recordings.states import RecordingState
from orchestrator.server.webhooks.meanings import Meaning

_ENDS = {
    RecordingState.COMPLETED: WebhookEvent.FINISHED,
    RecordingState.FAILED: WebhookEvent.FAILED,
    RecordingState.ABORTED: WebhookEvent.ABORTED,
}


def of_event(row: Recording, event: Meaning) -> dict[str, Any]:
    """The body of an event of the log."""
    return _body(f"{row.id}.{event.number}", event.type, event.at, row, event.data)


def of_beginning(row: Recording) -> dict[str, Any]:
    """The body of recording.started."""
    return _body(f"{row.id}.started", WebhookEvent.STARTED, row.created_at, row, {})


def of_end(row: Recording, files: Sequence[File]) -> dict[str, Any]:
    """The body of recording.finished, .failed or .aborted."""
    type = _ENDS[RecordingState(row.state)]
    data: dict[str, Any] = {
        "reason": row.reason,
        "duration_s": row.duration_s,
        "size_bytes": row.size_bytes,
        "recovered": row.recovered,
        "files": [_file(file) for file in files],
    }
    if row.error is not None:
        data["error"] = {"code": row.error_code, "error": row.error, "detail": row.detail}
    return _body(f"{row.id}.ended", type, row.ended_at or row.created_at, row, data)


def of_test(id: str, now: datetime) -> dict[str, Any]:
    """The body of webhook.test: of no recording."""
    return {"id": id, "type": WebhookEvent.TEST.value, "timestamp": _text(now), "data": {}}


def for_livekit(body: dict[str, Any]) -> dict[str, Any]:
    """With the names that LiveKit's own receivers read (livekit_webhook.proto, WebhookEvent)."""
    at = datetime.fromisoformat(body["timestamp"])
    return body | {"event": body["type"], "createdAt": str(int(at.timestamp()))}


def as_bytes(body: dict[str, Any]) -> bytes:
    """As it is signed and sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _body(
    id: str, type: WebhookEvent, at: datetime, row: Recording, data: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": id,
        "type": type.value,
        "timestamp": _text(at),
        "recording": {
            "id": row.id,
            "mint_id": row.stream_id,
            "discovery": row.stream.get("discovery"),
            "pipeline": row.pipeline,
            "output_format": row.output_format,
            "started_by": row.started_by,
            "created_at": _text(row.created_at),
            "started_at": None if row.started_at is None else _text(row.started_at),
        },
        "data": data,
    }


def _file(file: File) -> dict[str, Any]:
    return {
        "name": PurePath(file.path).name,
        "offset_s": file.offset_s,
        "duration_s": file.duration_s,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "integrity": file.integrity,
        "problem": file.problem,
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
