"""/api/live-sessions: viewers' sessions as the desktop app's own server has them.

A session is a viewer's token and a note that somebody is viewing: the server joins and forwards
nothing, and viewing is independent of recording. Sessions end with the server.
"""

from __future__ import annotations

import secrets
from typing import Annotated, Final

from cachetools import FIFOCache
from fastapi import APIRouter, Depends, Request, Response

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures, failures_of_post
from orchestrator.api.routes.live_streams import DIRECTORY_ERRORS, connection_to
from orchestrator.api.schemas.agent import (
    SessionBody,
    SessionEnded,
    SessionInfo,
    Sessions,
    ViewerSession,
)
from orchestrator.api.schemas.common import MINT_ID
from orchestrator.errors import NotFound, StreamNotFound

router = APIRouter(prefix="/api/live-sessions", tags=["live"])

MOST_SESSIONS: Final = 256
"""Sessions kept at the same time; a new one replaces the oldest."""

_START_ERRORS = failures_of_post(StreamNotFound(MINT_ID), *DIRECTORY_ERRORS)


class NoSession(NotFound):
    """The stream has no viewer session."""

    code = "no_session"

    def __init__(self, stream_id: str) -> None:
        super().__init__(
            f"No active session for {stream_id}", "GET /api/live-sessions/active lists them."
        )


async def _sessions(request: Request) -> FIFOCache[str, SessionInfo]:
    known: FIFOCache[str, SessionInfo] = request.app.state.viewer_sessions
    return known


SessionsHere = Annotated[FIFOCache[str, SessionInfo], Depends(_sessions)]


@router.post("/start", responses=_START_ERRORS, summary="Start Viewing")
async def start(
    body: SessionBody, manager: ManagerHere, known: SessionsHere, response: Response
) -> ViewerSession:
    """Returns everything a viewer needs to join a live stream's room. A repeated call gets a new
    token."""
    connection = await connection_to(body.mint_id, manager)
    response.headers["Cache-Control"] = "no-store"
    session = ViewerSession(
        **dict(connection), session_id=secrets.token_hex(16), stream_info=connection.stream_data
    )
    known.pop(body.mint_id, None)
    known[body.mint_id] = SessionInfo.model_validate(session.model_dump())
    return session


@router.post("/stop", responses=failures_of_post(NoSession(MINT_ID)), summary="Stop Viewing")
async def stop(body: SessionBody, known: SessionsHere) -> SessionEnded:
    """Ends a viewer's session. A recording continues."""
    if known.pop(body.mint_id, None) is None:
        raise NoSession(body.mint_id)
    return SessionEnded(mint_id=body.mint_id)


@router.get("/active", responses=failures(), summary="List Viewers' Sessions")
async def active(known: SessionsHere) -> Sessions:
    """The active viewer sessions, by stream id."""
    return Sessions(sessions=dict(known))
