"""What a recording's row says of it: whether it has begun or ended, and the error it ended with."""

from __future__ import annotations

from typing import Final

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.errors import EncodingFailed, HavenError, NoMedia, StoppedWhileStarting, restore
from orchestrator.recordings.figures import LiveFigures
from orchestrator.recordings.states import FINAL, RecordingState

RETRY_AFTER: Final = "retry_after_s"
"""In an error's context: seconds to wait, as the stream's server asked."""


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
    """Why no frame of it was recorded within `waited_s` seconds, as far as its segments tell."""
    nothing = f"No frame of {recording.stream_id} was recorded in {waited_s:g} s"
    failed = [s for s in await catalog.segments(recording.id) if s.stderr_tail]
    if failed:
        return EncodingFailed(
            f"{nothing}: ffmpeg ended with exit code {failed[-1].returncode}.",
            f"Its last lines: {failed[-1].stderr_tail}",
        )
    return NoMedia(f"{nothing}.", "Check the publisher and the network, then start it again.")
