"""The desktop app's /api/live and /api/pumpfun: live streams.

The app's two prefixes return the same: they belong to two versions of its own server.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as InPath

from orchestrator.api.access.origins import is_app_origin
from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures, failures_of_post
from orchestrator.api.errors import Forbidden
from orchestrator.api.manager_protocol import Manager
from orchestrator.api.schemas.common import MINT_ID
from orchestrator.api.schemas.live_streams import (
    Connection,
    Disconnected,
    LiveStats,
    LiveStream,
    StreamToken,
    Validity,
)
from orchestrator.api.schemas.start import StreamId
from orchestrator.errors import (
    SourceBusy,
    SourceGarbled,
    SourceRefused,
    SourceUnreachable,
    StreamNotFound,
)
from orchestrator.media import LiveKitEndpoint, Stream
from orchestrator.token_claims import claims_of

_live = APIRouter(tags=["live"])

MOST_COUNTED = 1000
"""Streams that /stats counts at most."""

DIRECTORY_ERRORS = (
    SourceRefused("wss://example.org rejects the API key", "Check ORCHESTRATOR_LIVEKIT_API_KEY."),
    SourceUnreachable("wss://example.org does not answer", "Check ORCHESTRATOR_LIVEKIT_URL."),
    SourceGarbled("pump.fun's response is not valid JSON.", "Try again later."),
    SourceBusy("pump.fun is rate limiting requests", "Try again in 30 s.", retry_after_s=30),
)
_LIST_ERRORS = failures(*DIRECTORY_ERRORS)
_STREAM_ERRORS = failures(StreamNotFound(MINT_ID), *DIRECTORY_ERRORS)

_StreamHere = Annotated[StreamId, InPath(alias="mint_id", description="The stream's id.")]


@_live.get("/popular", responses=_LIST_ERRORS, summary="List Popular Streams")
async def popular(
    manager: ManagerHere,
    limit: Annotated[int, Query(ge=1, le=200, description="Maximum number of streams.")] = 20,
) -> list[LiveStream]:
    """Live streams, the most watched first, as a plain list."""
    return [_wire(stream) for stream in await _live_now(manager, limit)]


@_live.get("", responses=_LIST_ERRORS, summary="List Live Streams By Page")
@_live.get("/live", responses=_LIST_ERRORS, summary="List Live Streams By Page")
async def live(
    manager: ManagerHere,
    offset: Annotated[
        int, Query(ge=0, le=MOST_COUNTED, description="Number of streams to skip.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=100, description="Maximum number of streams.")] = 60,
    include_nsfw: Annotated[bool, Query(description="Include streams marked as nsfw.")] = True,
) -> list[LiveStream]:
    """One page of the live streams, the most watched first, as a plain list."""
    everything = await _live_now(manager, MOST_COUNTED)
    wanted = [stream for stream in everything if include_nsfw or not stream.nsfw]
    return [_wire(stream) for stream in wanted[offset : offset + limit]]


@_live.get("/stats", responses=_LIST_ERRORS, summary="Get Live Statistics")
async def stats(manager: ManagerHere) -> LiveStats:
    """How many streams are live, and how many participants they have."""
    streams = await _live_now(manager, MOST_COUNTED)
    nsfw = sum(stream.nsfw for stream in streams)
    return LiveStats(
        total_live_streams=len(streams),
        total_participants=sum(stream.num_participants for stream in streams),
        nsfw_streams=nsfw,
        sfw_streams=len(streams) - nsfw,
        top_stream=_wire(streams[0]) if streams else None,
    )


@_live.get("/stream/{mint_id:path}", responses=_STREAM_ERRORS, summary="Get Stream")
async def stream(stream_id: _StreamHere, manager: ManagerHere) -> LiveStream:
    """One live stream."""
    return _wire(await manager.directory.find(stream_id))


@_live.get("/validate/{mint_id:path}", responses=_LIST_ERRORS, summary="Validate Stream")
async def validate(stream_id: _StreamHere, manager: ManagerHere) -> Validity:
    """Whether a stream is live. If the directory can't be reached, the response is an error."""
    try:
        await manager.directory.find(stream_id)
    except StreamNotFound:
        return Validity(mint_id=stream_id, is_valid=False, is_live=False)
    return Validity(mint_id=stream_id, is_valid=True, is_live=True)


async def _no_store(response: Response) -> None:
    """A token is a secret and must not be cached."""
    response.headers["Cache-Control"] = "no-store"


@_live.get(
    "/token/{mint_id:path}",
    responses=_STREAM_ERRORS,
    dependencies=[Depends(_no_store)],
    summary="Get Viewer Token",
)
async def token(stream_id: _StreamHere, manager: ManagerHere) -> StreamToken:
    """A receive-only token for the stream's LiveKit room."""
    _, endpoint = await _joinable(manager, stream_id)
    return StreamToken(mint_id=stream_id, token=endpoint.token, livekit_url=endpoint.url)


@_live.get(
    "/connection/{mint_id:path}",
    responses=_STREAM_ERRORS,
    dependencies=[Depends(_no_store)],
    summary="Get Connection Details",
)
async def connection(stream_id: _StreamHere, request: Request, manager: ManagerHere) -> Connection:
    """A viewer's token and everything else needed to join the stream's LiveKit room.

    The server joins nothing for it: viewing and recording are independent. The desktop app gets
    tokens for pump.fun's rooms only.
    """
    if is_app_origin(request.headers, manager.settings):
        await _check_public(stream_id, manager)
    return await connection_to(stream_id, manager)


async def _check_public(stream_id: str, manager: Manager) -> None:
    """pump.fun gives tokens to everybody; those for the user's own rooms are not for web pages."""
    if (await manager.directory.find(stream_id)).discovery != "pumpfun":
        raise Forbidden(
            f"The desktop app gets no token for {stream_id}, which is not a stream of pump.fun",
            "Use GET /api/live/token from a program; web pages may not call it.",
        )


async def connection_to(stream_id: str, manager: Manager) -> Connection:
    """Connection details for a viewer of a live stream, with a new token."""
    stream, endpoint = await _joinable(manager, stream_id)
    return Connection(
        mint_id=stream_id,
        token=endpoint.token,
        livekit_url=endpoint.url,
        room_name=claims_of(endpoint.token).room,
        stream_data=_wire(stream),
    )


@_live.post("/disconnect/{mint_id:path}", responses=failures_of_post(), summary="Disconnect Viewer")
async def disconnect(stream_id: _StreamHere) -> Disconnected:
    """Called by the app when it stops viewing. It does nothing; a recording continues."""
    return Disconnected(mint_id=stream_id, message="Stream disconnected successfully")


async def _live_now(manager: Manager, limit: int) -> list[Stream]:
    """Live streams; raises the failure of a directory if there are none because of it."""
    listed = await manager.directory.live(limit)
    streams = [stream for stream in listed if stream.is_currently_live]
    failed = list(manager.directory.failures.values())
    if failed and not streams:
        raise failed[0]
    return streams


async def _joinable(manager: Manager, stream_id: str) -> tuple[Stream, LiveKitEndpoint]:
    """A live stream and how a viewer joins its room."""
    stream = await manager.directory.find(stream_id)
    endpoint = await manager.directory.endpoint(stream, f"haven-viewer-{secrets.token_hex(4)}")
    if not isinstance(endpoint, LiveKitEndpoint):
        raise StreamNotFound(stream_id, "It has no LiveKit room to join; it can still be recorded.")
    return stream, endpoint


def _wire(stream: Stream) -> LiveStream:
    return LiveStream.model_validate(asdict(stream) | {"mint_id": stream.id})


router = APIRouter()
for _prefix in ("/api/live", "/api/pumpfun"):
    router.include_router(_live, prefix=_prefix)
