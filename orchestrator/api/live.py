"""/api/streams: what is live now and can be recorded."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.responses import failures
from orchestrator.api.schemas.machine import Streams, StreamSummary
from orchestrator.errors import SourceRefused, SourceUnreachable
from orchestrator.media import Stream

router = APIRouter(prefix="/api/streams", tags=["streams"])

_ERRORS = failures(
    SourceRefused("wss://example.org refuses our key", "Check ORCHESTRATOR_LIVEKIT_API_KEY."),
    SourceUnreachable("Nothing answers at wss://example.org", "Check ORCHESTRATOR_LIVEKIT_URL."),
)


@router.get("", responses=_ERRORS, summary="List Live Streams")
async def streams(
    manager: ManagerHere,
    limit: Annotated[int, Query(ge=1, le=200, description="Streams at most.")] = 20,
) -> Streams:
    """Streams that are live now, the most watched first."""
    found = [_summary(s) for s in await manager.directory.live(limit)]
    return Streams(streams=found, count=len(found))


def _summary(stream: Stream) -> StreamSummary:
    return StreamSummary(
        mint_id=stream.id,
        discovery=stream.discovery,
        name=stream.name,
        symbol=stream.symbol,
        num_participants=stream.num_participants,
        is_currently_live=stream.is_currently_live,
        thumbnail=stream.thumbnail,
        description=stream.description,
        creator=stream.creator,
        nsfw=stream.nsfw,
    )
