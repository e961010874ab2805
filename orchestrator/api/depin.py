"""/api/depin: the desktop app's agent, which records the most watched live stream."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.errors import answer, body_of
from orchestrator.api.responses import failures_of_post
from orchestrator.api.schemas.agent import TickBase, Ticked, TickFailed, TopStream
from orchestrator.api.schemas.common import MINT_ID
from orchestrator.errors import NoMedia, SourceUnreachable, StreamNotFound, TooManyRecordings
from orchestrator.recordings.depin import Tick

router = APIRouter(prefix="/api/depin", tags=["agent"])

_ERRORS = failures_of_post(
    StreamNotFound(MINT_ID),
    SourceUnreachable("Nothing answers at wss://example.org", "Check ORCHESTRATOR_LIVEKIT_URL."),
    TooManyRecordings("4 recordings run, and no more may (max_recordings)", retry_after_s=30),
    NoMedia("No frame came within 15 s", "Check that the stream shows a picture."),
)


@router.post("/tick", responses=_ERRORS, response_model=Ticked, summary="Record The Top Stream")
async def tick(manager: ManagerHere) -> Ticked | JSONResponse:
    """Records the most watched live stream in files of a minute; to be called once a minute.

    When another stream became the most watched one, its recording begins before the old one is
    stopped. Recordings that somebody else started are never stopped.
    """
    done = await manager.depin.tick()
    told = _told(done).model_dump()
    if done.error is None:
        return Ticked(**told)
    failed = TickFailed(**told, **body_of(done.error).model_dump())
    return answer(done.error, failed)


def _told(done: Tick) -> TickBase:
    top, current = done.top, done.current
    return TickBase(
        message=done.message,
        actions=done.actions,
        current_mint_id=current.mint_id if current else None,
        duration=_seconds_since(current.started_at) if current else None,
        top_stream=TopStream(
            mint_id=top.id, name=top.name, symbol=top.symbol, participants=top.num_participants
        )
        if top
        else None,
    )


def _seconds_since(moment: datetime | None) -> int | None:
    return None if moment is None else round((datetime.now(UTC) - moment).total_seconds())
