"""/api/events: everything that changes, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from orchestrator.api.dependencies import FeedHere, ManagerHere
from orchestrator.api.guard import check_origin
from orchestrator.api.monitoring.hub import Client, TooManyClients
from orchestrator.api.responses import failures_of_stream
from orchestrator.api.schemas.events import EXAMPLE

router = APIRouter(prefix="/api/events", tags=["monitoring"])

_TOLD: dict[str, Any] = {
    "description": "Events without end; what their data holds, by the kind of event.",
    "content": {"text/event-stream": {"examples": {k: {"value": v} for k, v in EXAMPLE.items()}}},
}


async def _client(
    request: Request,
    manager: ManagerHere,
    feed: FeedHere,
    last_event_id: Annotated[
        str | None, Header(description="The last id that was received; browsers send it.")
    ] = None,
) -> AsyncIterator[Client]:
    # No page that may change nothing: it could take all places without reading a word.
    check_origin(request.headers, manager.settings)
    async with feed.joined(last_event_id) as client:
        yield client


@router.get(
    "",
    response_class=EventSourceResponse,
    responses={**failures_of_stream(TooManyClients()), 200: _TOLD},
    summary="Follow Events",
)
async def events(client: Annotated[Client, Depends(_client)]) -> AsyncIterator[ServerSentEvent]:
    """What changes, as it changes; `figures` once a second.

    Who comes back with `Last-Event-ID` gets the lines of the story that were missed and then a
    `snapshot` of what is now; who comes anew, or was away for more than a thousand lines, gets a
    `reset`. A client that reads too slowly is disconnected, and may come back.
    """
    async for event in client.events():
        yield event
