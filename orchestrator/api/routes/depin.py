"""/api/depin: the desktop app's agent, which records the most watched live stream."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures_of_post
from orchestrator.api.errors import answer, body_of
from orchestrator.api.schemas.agent import TickBase, Ticked, TickFailed, TopStream
from orchestrator.api.schemas.common import MINT_ID
from orchestrator.catalog.models import Recording
from orchestrator.errors import NoMedia, SourceUnreachable, StreamNotFound, TooManyRecordings
from orchestrator.recordings.figures import LiveFigures
from orchestrator.server.depin import Tick

router = APIRouter(prefix="/api/depin", tags=["agent"])

_ERRORS = failures_of_post(
    StreamNotFound(MINT_ID),
    SourceUnreachable("Nothing answers at wss://example.org", "Check ORCHESTRATOR_LIVEKIT_URL."),
    TooManyRecordings(
        "4 recordings are running, the most allowed (max_recordings)", retry_after_s=30
    ),
    NoMedia("No frame came within 15 s", "Check that the stream has video or audio."),
)


@router.post("/tick", responses=_ERRORS, response_model=Ticked, summary="Record The Top Stream")
async def tick(manager: ManagerHere) -> Ticked | JSONResponse:
    """Records the most watched live stream in one-minute files; to be called once a minute.

    If another stream has become the most watched one, its recording begins before the old one is
    stopped. Recordings that were started in another way are never stopped.
    """
    outcome = await manager.depin.tick()
    fields = _fields(outcome).model_dump()
    if outcome.error is None:
        return Ticked(**fields)
    failed = TickFailed(**fields, **body_of(outcome.error).model_dump())
    return answer(outcome.error, failed)


def _fields(outcome: Tick) -> TickBase:
    top, current = outcome.top, outcome.current
    return TickBase(
        message=outcome.message,
        actions=outcome.actions,
        current_mint_id=current.stream_id if current else None,
        duration=_recorded_s(current) if current else None,
        top_stream=TopStream(
            mint_id=top.id, name=top.name, symbol=top.symbol, participants=top.num_participants
        )
        if top
        else None,
    )


def _recorded_s(recording: Recording) -> int | None:
    recorded_s = LiveFigures.of(recording).duration_s
    return None if recorded_s is None else round(recorded_s)
