"""Wire types of /api/streams: what is live and can be recorded."""

from __future__ import annotations

from typing import Literal

from orchestrator.api.schemas.common import MINT_ID, Wire, example, example_of


class StreamSummary(Wire):
    """A live stream as its directory reports it; null where it reports nothing."""

    mint_id: str
    """The `mint_id` for POST /api/recording/start."""
    discovery: str
    """The directory that found it."""
    name: str | None
    symbol: str | None
    num_participants: int
    is_currently_live: bool | None
    """Null for a stream with a name of its own while nobody knows: its server is asked only by a
    start, a watch or GET /api/streams/{id}."""
    thumbnail: str | None
    description: str | None
    creator: str | None
    nsfw: bool

    model_config = example(
        {
            "mint_id": MINT_ID,
            "discovery": "livekit",
            "name": "Example Coin",
            "symbol": "EXC",
            "num_participants": 150,
            "is_currently_live": True,
            "thumbnail": None,
            "description": None,
            "creator": None,
            "nsfw": False,
        }
    )


class DirectoryFailure(Wire):
    """A directory whose streams are missing from the list, and why."""

    discovery: str
    error: str
    detail: str
    """What to do."""
    code: str

    model_config = example(
        {
            "discovery": "pumpfun",
            "error": "pump.fun (frontend-api-v3.pump.fun) can't be reached: no answer in time.",
            "detail": "Check this machine's network; if that is well, pump.fun is down.",
            "code": "source_unreachable",
        }
    )


class Streams(Wire):
    """Streams that are live now, the most watched first."""

    success: Literal[True] = True
    streams: list[StreamSummary]
    count: int
    failures: list[DirectoryFailure]
    """Directories that did not answer; empty if the list is complete."""

    model_config = example(
        {
            "success": True,
            "streams": [example_of(StreamSummary)],
            "count": 1,
            "failures": [example_of(DirectoryFailure)],
        }
    )
