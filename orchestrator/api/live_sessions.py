"""/api/live-sessions: viewers' sessions as the desktop app's own server has them.

A session is a viewer's token and a note that somebody views: nothing is joined or sent on here, and
viewing has nothing to do with recording. Sessions end with the server.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.live import SILENT, connection_to
from orchestrator.api.responses import failures, failures_of_post
from orchestrator.api.schemas.agent import (
    Session,
    SessionBody,
    SessionEnded,
    SessionInfo,
    Sessions,
)
from orchestrator.api.schemas.common import MINT_ID
from orchestrator.errors import NotFound, StreamNotFound

router = APIRouter(prefix="/api/live-sessions", tags=["live"])

MOST_SESSIONS: Final = 256
"""Sessions noted at the same time; the oldest makes room."""

_START_ERRORS = failures_of_post(StreamNotFound(MINT_ID), *SILENT)


class NoSession(NotFound):
    """Nobody views the stream."""

    code = "no_session"

    def __init__(self, mint_id: str) -> None:
        super().__init__(
            f"No active session for {mint_id}", "GET /api/live-sessions/active lists them."
        )


def _sessions(request: Request) -> OrderedDict[str, SessionInfo]:
    known: OrderedDict[str, SessionInfo] = request.app.state.sessions
    return known


SessionsHere = Annotated[OrderedDict[str, SessionInfo], Depends(_sessions)]


@router.post("/start", responses=_START_ERRORS, summary="Start Viewing")
async def start(
    body: SessionBody, manager: ManagerHere, known: SessionsHere, response: Response
) -> Session:
    """Gives a viewer what it takes to join a live stream's room; once more, a new token."""
    made = await connection_to(body.mint_id, manager)
    response.headers["Cache-Control"] = "no-store"
    session = Session(**dict(made), session_id=secrets.token_hex(16), stream_info=made.stream_data)
    known.pop(body.mint_id, None)
    known[body.mint_id] = SessionInfo.model_validate(session.model_dump())
    while len(known) > MOST_SESSIONS:
        known.popitem(last=False)
    return session


@router.post("/stop", responses=failures_of_post(NoSession(MINT_ID)), summary="Stop Viewing")
async def stop(body: SessionBody, known: SessionsHere) -> SessionEnded:
    """Ends a viewer's session. A recording goes on."""
    if known.pop(body.mint_id, None) is None:
        raise NoSession(body.mint_id)
    return SessionEnded(mint_id=body.mint_id)


@router.get("/active", responses=failures(), summary="List Viewers' Sessions")
async def active(known: SessionsHere) -> Sessions:
    """The sessions that were started and not stopped, by stream id."""
    return Sessions(sessions=dict(known))
