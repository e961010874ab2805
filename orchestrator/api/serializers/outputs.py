"""From the rows of outputs to the wire's types. Pure."""

from __future__ import annotations

from typing import Any, Final

from orchestrator.api.errors import body_of
from orchestrator.api.schemas.outputs import OutputInfo, OutputStanding
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.errors import restore
from orchestrator.recordings.output_states import OutputState

_SENT: Final = {"push": ("bytes",), "upload": ("bytes_uploaded", "piece_bytes_uploaded")}
"""The figures that count what was sent, by kind."""


def values(row: OutputRow) -> dict[str, Any]:
    """The fields of OutputInfo."""
    same = "id recording_id figures attempts created_at started_at ended_at next_try_at"
    error = row.error and restore(row.error_code or "internal", row.error, row.detail or "")
    return {
        **{name: getattr(row, name) for name in same.split()},
        "type": row.kind,
        "state": OutputState(row.state),
        "request": row.shown,
        "error": body_of(error) if error else None,
    }


def sent_bytes(row: OutputRow) -> int | None:
    """Bytes pushed or uploaded, as far as it was counted; None of one that sends nothing."""
    sent = [row.figures.get(name) for name in _SENT.get(row.kind, ())]
    known = [one for one in sent if isinstance(one, int)]
    return sum(known) if known else None


def pieces_behind_s(row: OutputRow) -> float | None:
    """Seconds of media that isn't at the target yet, of an upload with pieces for HLS."""
    behind = row.figures.get("pieces_behind_s")
    return float(behind) if isinstance(behind, int | float) else None


def standing(row: OutputRow) -> OutputStanding:
    """One output, in short."""
    state = OutputState(row.state)
    return OutputStanding(id=row.id, type=row.kind, state=state, error=row.error)


def info(row: OutputRow) -> OutputInfo:
    """One output."""
    return OutputInfo(**values(row))
