"""Files that can't be encoded again, and encodes that can't be queued or found."""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors.base import HavenError
from orchestrator.errors.machine import Unavailable
from orchestrator.errors.requests import NotFound


class SourceDamaged(HavenError):
    """Part of the file can't be read or decoded; nothing was made of it."""

    status = 422
    code = "source_damaged"

    def __init__(self, path: Path, at_s: float, problem: str) -> None:
        minutes, seconds = divmod(at_s, 60)
        super().__init__(
            f"{path} is damaged at {minutes:.0f}:{seconds:06.3f}: {problem}.",
            "It was left as it is: a file that doesn't decode whole isn't encoded again;"
            " `orchestrator inspect FILE` lists all the damage.",
        )


class EncodeNotFound(NotFound):
    """No encode has this id."""

    code = "encode_not_found"

    def __init__(self, encode_id: str) -> None:
        super().__init__(f"No encode with id {encode_id}", "GET /api/encodes lists all encodes.")


class AlreadyEncoding(HavenError):
    """The recording is in the queue already."""

    status = 409
    code = "already_encoding"

    def __init__(self, recording_id: str) -> None:
        super().__init__(
            f"Recording {recording_id} is being encoded again, or waits for it",
            "GET /api/encodes lists the queue; cancel it with DELETE /api/encodes/{id} first.",
        )


class TooManyEncodes(Unavailable):
    """The queue is full."""

    code = "too_many_encodes"
