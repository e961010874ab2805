"""/api/events: all changes, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from orchestrator.api.access.proxies import client_address, client_network
from orchestrator.api.dependencies import BrowserSessionsHere, FeedHere, ManagerHere
from orchestrator.api.documented_errors import failures_of_stream
from orchestrator.api.monitoring.event_hub import Client, TooManyClients
from orchestrator.api.schemas.events import EXAMPLE

router = APIRouter(prefix="/api/events", tags=["monitoring"])

_STREAM: dict[str, Any] = {
    "description": "An endless stream of events; the examples show the data of each kind.",
    "content": {"text/event-stream": {"examples": {k: {"value": v} for k, v in EXAMPLE.items()}}},
}


async def _client(
    request: Request,
    manager: ManagerHere,
    sessions: BrowserSessionsHere,
    feed: FeedHere,
    last_event_id: Annotated[
        str | None, Header(description="The last id received; browsers send it.")
    ] = None,
) -> AsyncIterator[Client]:
    who = f"{client_network(client_address(request))} {request.headers.get('user-agent', '')[:200]}"
    key = manager.settings.api_key
    session = sessions.of(request.headers, key.get_secret_value()) if key else None
    async with feed.joined(last_event_id, who, session) as client:
        yield client


@router.get(
    "",
    response_class=EventSourceResponse,
    responses={**failures_of_stream(TooManyClients()), 200: _STREAM},
    summary="Follow Events",
)
async def events(client: Annotated[Client, Depends(_client)]) -> AsyncIterator[ServerSentEvent]:
    """All changes as they happen; `figures` once a second.

    A client that reconnects with `Last-Event-ID` gets the events it missed and then a `snapshot` of
    the current state; a new client, or one that missed more than a thousand events, gets a `reset`.
    A client that reads too slowly is disconnected and may reconnect.
    """
    async for event in client.events():
        yield event
