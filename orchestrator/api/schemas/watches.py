"""Wire types of /api/recording/watch: streams that are recorded whenever they are live."""

from __future__ import annotations

from typing import Any, Literal

from orchestrator.api.schemas.common import (
    MINT_ID,
    RECORDING_ID,
    Failure,
    Moment,
    Wire,
    example,
    example_of,
)

WatchState = Literal["waiting", "muted", "recording", "held", "failing"]


class WatchInfo(Wire):
    """A watched stream and its state."""

    mint_id: str
    state: WatchState
    """waiting: it is not live. muted: it is live, but everybody in it is muted; recording starts
    when somebody unmutes. recording: it is being recorded. held: it is live, but its recording was
    stopped by a request or a limit; it is recorded the next time it goes live. failing: `error`
    says why."""
    id: str | None
    """The running recording."""
    created_at: Moment
    looked_at: Moment | None
    """When it was last checked; null if not since this server started."""
    error: Failure | None
    """Why it could not be checked or recorded the last time."""
    next_try_at: Moment | None
    """When the next attempt is made."""
    request: dict[str, Any]
    """The options it is recorded with, as requested; keys are not shown."""

    model_config = example(
        {
            "mint_id": MINT_ID,
            "state": "waiting",
            "id": None,
            "created_at": "2024-12-01T14:30:20.511+00:00",
            "looked_at": "2024-12-01T15:02:00.000+00:00",
            "error": None,
            "next_try_at": None,
            "request": {"mint_id": MINT_ID, "output_format": "av1", "video_quality": "high"},
        }
    )


class Watched(WatchInfo):
    """A stream that is watched from now on."""

    success: Literal[True] = True

    model_config = example({"success": True, **example_of(WatchInfo), "id": RECORDING_ID})


class WatchList(Wire):
    """The watched streams, oldest first."""

    success: Literal[True] = True
    watches: list[WatchInfo]
    count: int

    model_config = example({"success": True, "watches": [example_of(WatchInfo)], "count": 1})


class Unwatched(Wire):
    """A stream that is no longer watched; a running recording of it continues."""

    success: Literal[True] = True
    mint_id: str

    model_config = example({"success": True, "mint_id": MINT_ID})
