"""/api/streams: live streams, what is in one of them, and streams with names of their own."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from pydantic import ValidationError

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures, failures_of_post
from orchestrator.api.routes.live_streams import DIRECTORY_ERRORS
from orchestrator.api.schemas.common import MINT_ID
from orchestrator.api.schemas.start import StreamId
from orchestrator.api.schemas.streams import Added, Removed, StreamBody, StreamDetails, Streams
from orchestrator.api.serializers.stream_details import details
from orchestrator.api.stream_list import streams_of, summary_of
from orchestrator.discovery.stream_kinds import address_of
from orchestrator.e2ee_keys import revealed
from orchestrator.errors import (
    InvalidRequest,
    NotAdded,
    StillActive,
    StreamConfigured,
    StreamExists,
    StreamNotFound,
    TooManyStreams,
    Unavailable,
)
from orchestrator.media import Stream
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings

router = APIRouter(prefix="/api/streams", tags=["streams"])

_StreamHere = Annotated[StreamId, InPath(alias="mint_id", description="The stream's id.")]

_ADD_ERRORS = failures_of_post(
    InvalidRequest("whep should begin with http://, https:// and name a host", field="whep"),
    StreamExists("lobby", "The settings define it: choose another id."),
    TooManyStreams("1000 streams were added, which is the limit."),
    Unavailable("The catalog can't be written to: the disk is full.", "Free some space."),
)
_REMOVE_ERRORS = failures(
    NotAdded("lobby"),
    StreamConfigured("lobby"),
    StillActive("Stream lobby is being recorded and stays.", "Stop its recording first."),
)


@router.get("", responses=failures(*DIRECTORY_ERRORS), summary="List Live Streams")
async def streams(
    manager: ManagerHere,
    limit: Annotated[int, Query(ge=1, le=200, description="Maximum number of streams.")] = 20,
) -> Streams:
    """Live streams, the most watched first, and all that have names of their own.

    A directory that fails is listed in `failures`, with the streams of the others. If all fail, the
    response is an error.
    """
    return await streams_of(manager, limit)


@router.post("", status_code=201, responses=_ADD_ERRORS, summary="Add Stream")
async def add(body: StreamBody, manager: ManagerHere) -> Added:
    """Adds a stream with a name of its own, for this server and later ones.

    It can be recorded, watched and listed like any other. Its server isn't asked for it yet.
    """
    defined = definition_of(body)
    check_allowed(defined, manager.settings)
    await manager.streams.add(body.mint_id, defined)
    stream = Stream(
        body.mint_id,
        manager.streams.discovery,
        name=defined.name or body.mint_id,
        is_currently_live=None,
    )
    return Added(**summary_of(manager.streams, stream), address=address_of(defined))


@router.get(
    "/{mint_id:path}",
    responses=failures(StreamNotFound(MINT_ID), *DIRECTORY_ERRORS),
    summary="Get Stream Details",
)
async def stream(stream_id: _StreamHere, manager: ManagerHere) -> StreamDetails:
    """One stream: who publishes what, and whether it can be recorded; if not, why.

    A room isn't joined for that. The server of a stream with a name of its own is asked, at most
    once in five seconds.
    """
    found = await manager.details(stream_id)
    return details(manager.streams, manager.settings, found)


@router.delete("/{mint_id:path}", responses=_REMOVE_ERRORS, summary="Remove Stream")
async def remove(stream_id: _StreamHere, manager: ManagerHere) -> Removed:
    """Removes a stream that a request added. Its recordings and a watch of it stay."""
    await manager.streams.remove(stream_id)
    return Removed(mint_id=stream_id)


def check_allowed(defined: StreamSettings, settings: Settings) -> None:
    """Raises InvalidRequest where a request names an address for ffmpeg and may not.

    Whoever may call the API could make the server connect to hosts that only it reaches.
    """
    if defined.url is not None and not settings.allow_url_streams:
        raise InvalidRequest(
            "url: a request may not name an address that is read with ffmpeg here",
            "Set ORCHESTRATOR_ALLOW_URL_STREAMS, or define the stream in the settings.",
            field="url",
        )


def definition_of(body: StreamBody) -> StreamSettings:
    """What the request defines; InvalidRequest, which repeats no value of it."""
    try:
        return StreamSettings(**revealed(body.model_dump(exclude={"mint_id"})))
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        field = ".".join(map(str, first["loc"]))
        what = first["msg"].removeprefix("Value error, ")
        raise InvalidRequest(
            f"{field}: {what}" if field else what[:1].upper() + what[1:],
            "GET /docs describes every field.",
            **({"field": field} if field else {}),
        ) from None
