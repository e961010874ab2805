"""What routes are given: the manager that the app was made with, and who looks at it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from orchestrator.api.monitoring.feed import Feed
from orchestrator.api.monitoring.observer import Observer
from orchestrator.api.service import Manager


def manager_of(request: Request) -> Manager:
    """The manager behind this server."""
    manager: Manager = request.app.state.manager
    return manager


ManagerHere = Annotated[Manager, Depends(manager_of)]


def observer_of(request: Request) -> Observer:
    """Who looks at everything once a second."""
    observer: Observer = request.app.state.observer
    return observer


ObserverHere = Annotated[Observer, Depends(observer_of)]


def feed_of(request: Request) -> Feed:
    """Where live events come from."""
    feed: Feed = request.app.state.feed
    return feed


FeedHere = Annotated[Feed, Depends(feed_of)]
