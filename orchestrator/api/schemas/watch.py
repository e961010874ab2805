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

WatchState = Literal["waiting", "recording", "held", "failing"]


class WatchInfo(Wire):
    """How it stands with a stream that is waited for."""

    mint_id: str
    state: WatchState
    """waiting: it isn't live. recording. held: it is live, but somebody stopped the recording, or
    a limit did; it is recorded when it goes live the next time. failing: `error` says why."""
    id: str | None
    """The recording that runs."""
    created_at: Moment
    looked_at: Moment | None
    """When it was last looked for; null since this server began."""
    error: Failure | None
    """Why it couldn't be looked for or recorded the last time."""
    next_try_at: Moment | None
    """When that is tried again."""
    request: dict[str, Any]
    """How it is recorded: what was asked for."""

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
    """A stream that is waited for from now on."""

    success: Literal[True] = True

    model_config = example({"success": True, **example_of(WatchInfo), "id": RECORDING_ID})


class WatchList(Wire):
    """The streams that are waited for, the oldest first."""

    success: Literal[True] = True
    watches: list[WatchInfo]
    count: int

    model_config = example({"success": True, "watches": [example_of(WatchInfo)], "count": 1})


class Unwatched(Wire):
    """A stream that isn't waited for any more; a recording of it goes on."""

    success: Literal[True] = True
    mint_id: str

    model_config = example({"success": True, "mint_id": MINT_ID})
