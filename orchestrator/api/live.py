"""/api/streams, and the desktop app's /api/live and /api/pumpfun: what is live now.

The app's two prefixes answer the same: they are two versions of its own server.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as InPath

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.guard import check_origin
from orchestrator.api.responses import failures, failures_of_post
from orchestrator.api.schemas.common import MINT_ID
from orchestrator.api.schemas.live import (
    Connection,
    Disconnected,
    LiveStats,
    LiveStream,
    StreamToken,
    Validity,
)
from orchestrator.api.schemas.machine import Streams
from orchestrator.api.schemas.recording import MintId
from orchestrator.api.service import Manager
from orchestrator.api.streams import streams_of
from orchestrator.errors import (
    SourceBusy,
    SourceGarbled,
    SourceRefused,
    SourceUnreachable,
    StreamNotFound,
)
from orchestrator.media import LiveKitEndpoint, Stream
from orchestrator.tokens import claims_of

_streams = APIRouter(prefix="/api/streams", tags=["streams"])
_live = APIRouter(tags=["live"])

MOST_COUNTED = 1000
"""Streams that /stats counts, at most."""

SILENT = (
    SourceRefused("wss://example.org refuses our key", "Check ORCHESTRATOR_LIVEKIT_API_KEY."),
    SourceUnreachable("Nothing answers at wss://example.org", "Check ORCHESTRATOR_LIVEKIT_URL."),
    SourceGarbled("pump.fun's answer can't be understood: it is no JSON.", "Try again later."),
    SourceBusy("pump.fun asks us to wait", "Try again in 30 s.", retry_after_s=30),
)
_LIST_ERRORS = failures(*SILENT)
_STREAM_ERRORS = failures(StreamNotFound(MINT_ID), *SILENT)

_Mint = Annotated[MintId, InPath(description="The stream's id.")]


@_streams.get("", responses=_LIST_ERRORS, summary="List Live Streams")
async def streams(
    manager: ManagerHere,
    limit: Annotated[int, Query(ge=1, le=200, description="Streams at most.")] = 20,
) -> Streams:
    """Streams that are live now, the most watched first.

    A directory that fails hides none of the others: `failures` has it. If all fail, that is the
    answer.
    """
    return await streams_of(manager, limit)


@_live.get("/popular", responses=_LIST_ERRORS, summary="List Popular Streams")
async def popular(
    manager: ManagerHere,
    limit: Annotated[int, Query(ge=1, le=200, description="Streams at most.")] = 20,
) -> list[LiveStream]:
    """Streams that are live now, the most watched first: a bare list."""
    return [_wire(stream) for stream in await _found(manager, limit)]


@_live.get("", responses=_LIST_ERRORS, summary="List Streams In Pages")
@_live.get("/live", responses=_LIST_ERRORS, summary="List Streams In Pages")
async def live(
    manager: ManagerHere,
    offset: Annotated[int, Query(ge=0, le=MOST_COUNTED, description="Streams left out.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100, description="Streams at most.")] = 60,
    include_nsfw: Annotated[bool, Query(description="Also those marked as nsfw.")] = True,
) -> list[LiveStream]:
    """A part of the streams that are live now, the most watched first: a bare list."""
    everything = await _found(manager, MOST_COUNTED)
    wanted = [stream for stream in everything if include_nsfw or not stream.nsfw]
    return [_wire(stream) for stream in wanted[offset : offset + limit]]


@_live.get("/stats", responses=_LIST_ERRORS, summary="Get Live Statistics")
async def stats(manager: ManagerHere) -> LiveStats:
    """How many streams are live, and how many people are in them."""
    found = await _found(manager, MOST_COUNTED)
    nsfw = sum(stream.nsfw for stream in found)
    return LiveStats(
        total_live_streams=len(found),
        total_participants=sum(stream.num_participants for stream in found),
        nsfw_streams=nsfw,
        sfw_streams=len(found) - nsfw,
        top_stream=_wire(found[0]) if found else None,
    )


@_live.get("/stream/{mint_id:path}", responses=_STREAM_ERRORS, summary="Get Stream")
async def stream(mint_id: _Mint, manager: ManagerHere) -> LiveStream:
    """One stream, which has to be live."""
    return _wire(await manager.directory.find(mint_id))


@_live.get("/validate/{mint_id:path}", responses=_LIST_ERRORS, summary="Validate Stream")
async def validate(mint_id: _Mint, manager: ManagerHere) -> Validity:
    """Whether a stream is live. If that can't be found out, it is an error, and no `false`."""
    try:
        await manager.directory.find(mint_id)
    except StreamNotFound:
        return Validity(mint_id=mint_id, is_valid=False, is_live=False)
    return Validity(mint_id=mint_id, is_valid=True, is_live=True)


def _for_our_pages_only(request: Request, response: Response, manager: ManagerHere) -> None:
    """A token is a secret: it goes only to whom the guard would let change something."""
    check_origin(request.headers, manager.settings)
    response.headers["Cache-Control"] = "no-store"


@_live.get(
    "/token/{mint_id:path}",
    responses=_STREAM_ERRORS,
    dependencies=[Depends(_for_our_pages_only)],
    summary="Get Viewer Token",
)
async def token(mint_id: _Mint, manager: ManagerHere) -> StreamToken:
    """A token that lets a viewer join the stream's LiveKit room, and only receive."""
    _, endpoint = await _joinable(manager, mint_id)
    return StreamToken(mint_id=mint_id, token=endpoint.token, livekit_url=endpoint.url)


@_live.get(
    "/connection/{mint_id:path}",
    responses=_STREAM_ERRORS,
    dependencies=[Depends(_for_our_pages_only)],
    summary="Get Connection Details",
)
async def connection(mint_id: _Mint, manager: ManagerHere) -> Connection:
    """A viewer's token with what else it takes to join the stream's LiveKit room.

    Nothing is joined by it: viewing and recording have nothing to do with each other.
    """
    return await connection_to(mint_id, manager)


async def connection_to(mint_id: str, manager: Manager) -> Connection:
    """How a viewer joins a live stream's room, with a new token."""
    found, endpoint = await _joinable(manager, mint_id)
    return Connection(
        mint_id=mint_id,
        token=endpoint.token,
        livekit_url=endpoint.url,
        room_name=claims_of(endpoint.token).room,
        stream_data=_wire(found),
    )


@_live.post("/disconnect/{mint_id:path}", responses=failures_of_post(), summary="Disconnect Viewer")
async def disconnect(mint_id: _Mint) -> Disconnected:
    """What the app says when it stops viewing. Nothing is done: a recording goes on."""
    return Disconnected(mint_id=mint_id, message="Stream disconnected successfully")


async def _found(manager: Manager, limit: int) -> list[Stream]:
    """Live streams. None because a directory failed is that failure, not an empty list."""
    found = await manager.directory.live(limit)
    failed = list(manager.directory.failures.values())
    if failed and not found:
        raise failed[0]
    return found


async def _joinable(manager: Manager, mint_id: str) -> tuple[Stream, LiveKitEndpoint]:
    """A live stream and how a viewer joins its room."""
    found = await manager.directory.find(mint_id)
    endpoint = await manager.directory.endpoint(found, f"haven-viewer-{secrets.token_hex(4)}")
    if not isinstance(endpoint, LiveKitEndpoint):
        raise StreamNotFound(mint_id, "It has no LiveKit room to join, but it can be recorded.")
    return found, endpoint


def _wire(stream: Stream) -> LiveStream:
    return LiveStream.model_validate(asdict(stream) | {"mint_id": stream.id})


router = APIRouter()
router.include_router(_streams)
for _prefix in ("/api/live", "/api/pumpfun"):
    router.include_router(_live, prefix=_prefix)
