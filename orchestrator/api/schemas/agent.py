"""Wire types of /api/depin and /api/live-sessions: the desktop app's agent and viewer sessions."""

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
from orchestrator.api.schemas.live_streams import Connection, LiveStream
from orchestrator.api.schemas.start import StreamId


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
    """The result of one check of the most watched live stream."""

    message: str
    """The result in words."""
    actions: list[str]
    """Actions taken: `Started …`, `Stopped …`; empty when nothing had to change."""
    current_mint_id: str | None
    """The stream that is being recorded; null if none is."""
    duration: int | None
    """How long it has been recorded, in seconds."""
    top_stream: TopStream | None
    """Null if nothing is live, or the list of live streams is unavailable."""

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
    """The most watched live stream is being recorded, or nothing is live."""

    success: Literal[True] = True

    model_config = example({"success": True, **example_of(TickBase)})


class TickFailed(Failure, TickBase):
    """The most watched live stream could not be recorded; the app's agent shows `message`."""

    model_config = example({**example_of(Failure), **example_of(TickBase), "actions": []})


class SessionBody(Wire):
    """The stream that a viewer starts or stops watching."""

    mint_id: StreamId
    """The stream: `mint_id` of GET /api/streams."""

    model_config = example({"mint_id": MINT_ID})


class ViewerSession(Connection):
    """A viewer's session: everything needed to join the stream's LiveKit room."""

    session_id: str
    stream_info: LiveStream
    """The same as `stream_data`; the app's own server returns both."""

    model_config = example(
        {
            **example_of(Connection),
            "session_id": RECORDING_ID,
            "stream_info": example_of(LiveStream),
        }
    )


class SessionEnded(Wire):
    """A viewer's session that has ended."""

    success: Literal[True] = True
    mint_id: str

    model_config = example({"success": True, "mint_id": MINT_ID})


class SessionInfo(Wire):
    """A viewer's session, without its token."""

    mint_id: str
    room_name: str | None
    participant_sid: str | None = None
    """Null: the publisher's id is only known inside the room, which this server does not join."""
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
