"""/whip: publishers send their streams to this server (WHIP, RFC 9725).

Offers are answered by the process that holds the stream's publisher, which media goes to directly.
"""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as InPath

from orchestrator.api.access.proxies import client_address
from orchestrator.api.access.stream_keys import StreamKeys
from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures_of_stream
from orchestrator.api.schemas.start import StreamId
from orchestrator.errors import (
    NoIceRestart,
    PublisherNotFound,
    SessionTagMissing,
    StaleSession,
    TooManyPublishers,
    UnusableOffer,
    WrongMediaType,
    WrongStreamKey,
)

router = APIRouter(prefix="/whip", tags=["publishing"])

SDP: Final = "application/sdp"
CANDIDATES: Final = "application/trickle-ice-sdpfrag"
_ACCEPT: Final = {"Accept-Post": SDP, "Accept-Patch": CANDIDATES}

_REFUSED = (WrongStreamKey(), WrongMediaType(SDP), PublisherNotFound())
_ERRORS = failures_of_stream(*_REFUSED, UnusableOffer("The offer sends nothing."))
_BUSY = TooManyPublishers("16 publishers are connected, which is the limit.", retry_after_s=10.0)
_POST_ERRORS = failures_of_stream(
    WrongStreamKey(),
    WrongMediaType(SDP),
    UnusableOffer("The offer sends nothing."),
    _BUSY,
    with_body=True,
)
_PATCH_ERRORS = failures_of_stream(
    *_REFUSED, NoIceRestart(), StaleSession(), SessionTagMissing(), with_body=True
)


_StreamHere = Annotated[StreamId, InPath(description="The stream's id.")]
_SessionHere = Annotated[
    str, InPath(min_length=1, max_length=64, description="The publisher's session.")
]


async def _has_key(request: Request, stream_id: _StreamHere) -> None:
    keys: StreamKeys = request.app.state.stream_keys
    given = request.headers.get("authorization", "")
    if error := keys.refusal(stream_id, given, client_address(request)):
        raise error


_PUBLISHERS = [Depends(_has_key)]


@router.options("/{stream_id:path}", include_in_schema=False)
async def options() -> Response:
    """What a publisher may send (RFC 9725 §4.1)."""
    return Response(status_code=200, headers=_ACCEPT)


@router.post(
    "/{stream_id:path}",
    status_code=201,
    dependencies=_PUBLISHERS,
    response_class=Response,
    responses=_POST_ERRORS | {201: {"content": {SDP: {}}, "description": "The SDP answer."}},
    summary="Publish Stream",
)
async def publish(request: Request, stream_id: _StreamHere, manager: ManagerHere) -> Response:
    """Begins a publisher's session: an SDP offer is answered.

    The bearer token is the stream's key. A publisher that was there before is replaced as soon as
    this one is connected.
    """
    offer = await _body(request, SDP)
    answered = await manager.publishers.offer(stream_id, offer)
    # A path, as some clients take no other form; a proxy's prefix comes before it (PathPrefix).
    address = f"/whip/{quote(stream_id)}/{answered['session']}"
    headers = {"Location": address, "ETag": f'"{answered["etag"]}"', "Accept-Patch": CANDIDATES}
    return Response(answered["sdp"], 201, headers, SDP)


@router.patch(
    "/{stream_id:path}/{session}",
    status_code=204,
    dependencies=_PUBLISHERS,
    responses=_PATCH_ERRORS,
    summary="Add Publisher's Candidates",
)
async def trickle(
    request: Request, stream_id: _StreamHere, session: _SessionHere, manager: ManagerHere
) -> Response:
    """Takes ICE candidates that a publisher found later; ICE restarts are not supported."""
    fragment = await _body(request, CANDIDATES)
    wanted = request.headers.get("if-match")
    await manager.publishers.of_session(stream_id, op="session", session=session)
    if wanted is None:
        raise SessionTagMissing()
    if wanted.strip() == "*":  # RFC 9725 §4.3.3
        raise NoIceRestart()
    await manager.publishers.of_session(
        stream_id, op="candidates", session=session, etag=wanted.strip(' "'), fragment=fragment
    )
    return Response(status_code=204)


@router.delete(
    "/{stream_id:path}/{session}",
    dependencies=_PUBLISHERS,
    responses=_ERRORS,
    response_class=Response,
    summary="Stop Publishing",
)
async def leave(stream_id: _StreamHere, session: _SessionHere, manager: ManagerHere) -> Response:
    """Ends a publisher's session; a recording waits for the next one."""
    await manager.publishers.of_session(stream_id, op="leave", session=session)
    return Response("The session has ended.\n", media_type="text/plain")


@router.get(
    "/{stream_id:path}/{session}",
    status_code=204,
    dependencies=_PUBLISHERS,
    responses=_ERRORS,
    summary="Get Publisher's Session",
)
@router.head("/{stream_id:path}/{session}", include_in_schema=False, dependencies=_PUBLISHERS)
async def session_there(
    stream_id: _StreamHere, session: _SessionHere, manager: ManagerHere
) -> Response:
    """Whether the session exists (RFC 9725 §4.2: no body)."""
    await manager.publishers.of_session(stream_id, op="session", session=session)
    return Response(status_code=204)


async def _body(request: Request, wanted: str) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != wanted:
        raise WrongMediaType(wanted)
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError:
        raise UnusableOffer("The body is not UTF-8.") from None
