"""What a recording's row says of it: whether it has begun or ended, and the error it ended with; of
a start that recorded nothing in time, what its event log says.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from orchestrator.catalog.models import Event, Recording
from orchestrator.catalog.store import Catalog
from orchestrator.e2ee_keys import KEY_ADVICE
from orchestrator.errors import (
    EncodingFailed,
    EndToEndEncrypted,
    HavenError,
    NoMedia,
    SourceUnreachable,
    StoppedWhileStarting,
    WorkerFailed,
    restore,
)
from orchestrator.recordings.figures import LiveFigures
from orchestrator.recordings.states import FINAL, RecordingState

RETRY_AFTER: Final = "retry_after_s"
"""In an error's context: seconds to wait, as the stream's server asked."""

CONNECTING: Final = "connecting"
"""Kind of the first event that a worker notes."""

JOINED: Final = "joined"
PUBLISHED: Final = "published"

BUSY_ADVICE: Final = (
    "The machine may be busy: have other programs or recordings end, then start it again; `nproc`"
    " and `uptime` show cores and load."
)


def has_begun(row: Recording) -> bool:
    """Whether its first frame is recorded, or it has ended."""
    return row.state not in (RecordingState.STARTING, RecordingState.STOPPING)


def is_final(row: Recording) -> bool:
    """Whether it has ended, however."""
    return row.state in FINAL


def is_only_to_finish(row: Recording) -> bool:
    """Whether nothing more is recorded, and its file is only to be made of what there is."""
    stopped = row.wanted == "stop" and row.started_at is not None
    return stopped or row.state == RecordingState.STOPPING


def failure_of(row: Recording) -> HavenError:
    """The error that a failed recording ended with."""
    wait_s = LiveFigures.of(row).retry_after_s
    context = {} if wait_s is None else {RETRY_AFTER: wait_s}
    return restore(row.error_code or "", row.error or "", row.detail or "", **context)


def stopped_early(stream_id: str) -> StoppedWhileStarting:
    """The error for the caller whose recording was stopped before its first frame."""
    return StoppedWhileStarting(
        f"Stopped before the first frame of {stream_id}.",
        "Nothing was recorded; start it again when you want it.",
    )


async def start_failure(catalog: Catalog, recording: Recording, waited_s: float) -> HavenError:
    """Why no frame of it was recorded within `waited_s` seconds, as segments and event log tell."""
    nothing = f"No frame of {recording.stream_id} was recorded in {waited_s:g} s"
    failed = [s for s in await catalog.segments(recording.id) if s.stderr_tail]
    if failed:
        return EncodingFailed(
            f"{nothing}: ffmpeg ended with exit code {failed[-1].returncode}.",
            f"Its last lines: {failed[-1].stderr_tail}",
        )
    phases = StartPhases(await catalog.events(recording.id), recording.created_at)
    return phases.failure(recording.stream_id, nothing, waited_s)


def worker_missing(stream_id: str, waited_s: float) -> WorkerFailed:
    """The worker isn't there after so many seconds."""
    return WorkerFailed(
        f"The process that is to record {stream_id} was not there in {waited_s:g} s.", BUSY_ADVICE
    )


class StartPhases:
    """When a start reached which phase. `asked_at`: when its row was made."""

    def __init__(self, events: Iterable[Event], asked_at: datetime) -> None:
        self._after_s: dict[str, float] = {}
        """Seconds from the request to the first event of a kind."""
        self._locked: dict[str, str] = {}
        """Why publications can't be decrypted, by sid."""
        self._published: list[str] = []
        for event in events:
            self._after_s.setdefault(event.kind, (event.at - asked_at).total_seconds())
            self._note(event)

    def failure(self, stream_id: str, nothing: str, waited_s: float) -> HavenError:
        """Why nothing was recorded; `nothing`: the beginning of a sentence that says so.

        `waited_s`: how long was waited, as the error says it.
        """
        if CONNECTING not in self._after_s:
            return worker_missing(stream_id, waited_s)
        if JOINED not in self._after_s:
            return SourceUnreachable(
                f"{nothing}: its process was there{self._after(CONNECTING)}, and no connection to"
                " the stream came about.",
                "Check that the stream's server answers, and that its UDP ports can be reached from"
                f" here. {self._advice(CONNECTING, waited_s)}".strip(),
            )
        if self._locked:
            return EndToEndEncrypted(f"{nothing}. {' '.join(self._locked.values())}", KEY_ADVICE)
        if PUBLISHED not in self._after_s:
            return NoMedia(
                f"{nothing}: it was connected{self._after(JOINED)}, and nobody published anything.",
                "Start publishing, then start the recording again."
                f" {self._advice(JOINED, waited_s)}".strip(),
            )
        return NoMedia(
            f"{nothing}: it was connected{self._after(JOINED)}, and none came of what is published"
            f" ({', '.join(self._published)}).",
            "Check that the publisher is sending, and that UDP gets through, then start it again."
            f" {self._advice(JOINED, waited_s)}".strip(),
        )

    def _note(self, event: Event) -> None:
        track = str(event.data.get("track", ""))
        if event.kind == "undecryptable":
            self._locked[track] = event.message
        elif event.kind == "decrypted":
            self._locked.pop(track, None)
        elif event.kind == PUBLISHED:
            self._published.append(event.message)
        elif event.kind == "unpublished" and event.message in self._published:
            self._published.remove(event.message)

    def _after(self, kind: str) -> str:
        return f" after {self._after_s[kind]:.1f} s"

    def _advice(self, kind: str, waited_s: float) -> str:
        """Where most of the time had passed before."""
        return BUSY_ADVICE if self._after_s[kind] > waited_s / 2 else ""
