"""Dependencies of the routes: the manager, its observer, the event feed, browser sessions.

They are coroutines: FastAPI has a thread call a plain function, for each request.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from orchestrator.api.access.browser_sessions import BrowserSessions
from orchestrator.api.manager_protocol import Manager
from orchestrator.api.monitoring.event_feed import EventFeed
from orchestrator.api.monitoring.observer import Observer


async def manager_of(request: Request) -> Manager:
    """The manager behind this server."""
    manager: Manager = request.app.state.manager
    return manager


ManagerHere = Annotated[Manager, Depends(manager_of)]


async def observer_of(request: Request) -> Observer:
    """The observer, which samples everything once a second."""
    observer: Observer = request.app.state.observer
    return observer


ObserverHere = Annotated[Observer, Depends(observer_of)]


async def feed_of(request: Request) -> EventFeed:
    """The feed of live events."""
    feed: EventFeed = request.app.state.feed
    return feed


FeedHere = Annotated[EventFeed, Depends(feed_of)]


async def browser_sessions_of(request: Request) -> BrowserSessions:
    """The sessions of browsers that have sent the API key."""
    sessions: BrowserSessions = request.app.state.browser_sessions
    return sessions


BrowserSessionsHere = Annotated[BrowserSessions, Depends(browser_sessions_of)]
