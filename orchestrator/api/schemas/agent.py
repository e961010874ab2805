"""Wire types of /api/depin and /api/live-sessions: the desktop app's agent, and viewers."""

from __future__ import annotations

from typing import Literal

from orchestrator.api.schemas.common import (
    MINT_ID,
    RECORDING_ID,
    Failure,
    Wire,
    example,
    example_of,
)
from orchestrator.api.schemas.live import Connection, LiveStream
from orchestrator.api.schemas.recording import MintId


class TopStream(Wire):
    """The most watched live stream."""

    mint_id: str
    name: str | None
    symbol: str | None
    participants: int

    model_config = example(
        {"mint_id": MINT_ID, "name": "Example Coin", "symbol": "EXC", "participants": 150}
    )


class TickBase(Wire):
    """What one look at the most watched live stream found and did."""

    message: str
    """What there is to say of it, in words."""
    actions: list[str]
    """What was done: `Started …`, `Stopped …`; empty when all was as it should be."""
    current_mint_id: str | None
    """The stream that is recorded; null when none is."""
    duration: int | None
    """Since when, in seconds."""
    top_stream: TopStream | None
    """Null when nobody streams, or that can't be found out."""

    model_config = example(
        {
            "message": "Recording Example Coin (150 participants).",
            "actions": [f"Started {MINT_ID}"],
            "current_mint_id": MINT_ID,
            "duration": 0,
            "top_stream": example_of(TopStream),
        }
    )


class Ticked(TickBase):
    """The most watched live stream is recorded, or nobody streams."""

    success: Literal[True] = True

    model_config = example({"success": True, **example_of(TickBase)})


class TickFailed(Failure, TickBase):
    """The most watched live stream isn't recorded: the app's agent shows `message`."""

    model_config = example({**example_of(Failure), **example_of(TickBase), "actions": []})


class SessionBody(Wire):
    """Which stream a viewer looks at, or doesn't any more."""

    mint_id: MintId
    """The stream: what GET /api/streams calls `mint_id`."""

    model_config = example({"mint_id": MINT_ID})


class Session(Connection):
    """A viewer's session: all that is needed to join the stream's LiveKit room."""

    session_id: str
    stream_info: LiveStream
    """The same as `stream_data`: the app's own server has both words."""

    model_config = example(
        {
            **example_of(Connection),
            "session_id": RECORDING_ID,
            "stream_info": example_of(LiveStream),
        }
    )


class SessionEnded(Wire):
    """A viewer's session that is over."""

    success: Literal[True] = True
    mint_id: str

    model_config = example({"success": True, "mint_id": MINT_ID})


class SessionInfo(Wire):
    """A viewer's session, without its token."""

    mint_id: str
    room_name: str | None
    participant_sid: str | None = None
    """Null: who publishes is known only inside the room, which nobody joined for this."""
    session_id: str
    stream_data: LiveStream

    model_config = example(
        {
            "mint_id": MINT_ID,
            "room_name": f"{MINT_ID}:1273190",
            "participant_sid": None,
            "session_id": RECORDING_ID,
            "stream_data": example_of(LiveStream),
        }
    )


class Sessions(Wire):
    """Viewers' sessions, by stream id."""

    success: Literal[True] = True
    sessions: dict[str, SessionInfo]

    model_config = example({"success": True, "sessions": {MINT_ID: example_of(SessionInfo)}})
