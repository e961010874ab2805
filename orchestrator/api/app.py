"""The FastAPI application around a manager."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from orchestrator import __version__
from orchestrator.api import (
    capacity,
    depin,
    errors,
    live,
    live_sessions,
    pages,
    pictures,
    pipelines,
    recording,
    recordings,
    session,
    settings,
    videos,
    watches,
)
from orchestrator.api.guard import BoundedBody, Guard, Incidents
from orchestrator.api.monitoring import events, health, metrics, processes, system
from orchestrator.api.monitoring.feed import Feed
from orchestrator.api.monitoring.observer import Observer
from orchestrator.api.service import Manager

_DESCRIPTION = """
Records live WebRTC streams. Every error is `{success: false, error, detail, code}` with its
status: `error` says what happened, `detail` also what to do, `code` is for programs. Moments carry
their offset; figures that nobody measured are null.
"""

_ROUTES = (
    *(recording, watches, recordings, pictures, live, live_sessions, depin, videos, pipelines),
    *(capacity, health, processes, system, events, metrics, settings, session),
)
_ACCEPTED = (
    *("Content-Type", "X-API-Key", "Last-Event-ID"),
    *("Range", "If-Range", "If-None-Match"),
)
_EXPOSED = ("Retry-After", "Content-Range", "Content-Disposition", "ETag", "Accept-Ranges")


def create_app(manager: Manager) -> FastAPI:
    """The API of this manager, which is opened and closed with the app."""
    # Its own copy of the documentation's scripts: /docs works without the internet.
    app = FastAPIOffline(
        title="Haven Recorder",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=_lifespan,
        redoc_url=None,
    )
    app.state.manager = manager
    app.state.observer = observer = Observer(manager)
    app.state.feed = Feed(manager, observer)
    app.state.began_s = time.monotonic()
    app.state.failure = None
    app.state.sessions = OrderedDict()
    errors.install(app)
    _add_middleware(app, manager)
    for module in _ROUTES:
        app.include_router(module.router)
    pages.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    manager: Manager = app.state.manager
    observer: Observer = app.state.observer
    feed: Feed = app.state.feed
    try:
        await manager.open()
        await observer.open()
        await feed.open()
    except Exception as error:
        app.state.failure = error  # for whoever runs the server; ASGI passes on only a text
        raise
    try:
        yield
    finally:
        await feed.close()
        await observer.close()
        await manager.close()


def _add_middleware(app: FastAPI, manager: Manager) -> None:
    # The last one added is the outermost: refusals, too, must be readable for allowed web pages.
    app.add_middleware(Incidents)
    app.add_middleware(BoundedBody)
    app.add_middleware(Guard, settings=manager.settings)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=manager.settings.allowed_origins,
        allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
        allow_headers=_ACCEPTED,
        # Chromium asks before a page of another network calls this machine.
        allow_private_network=True,
        expose_headers=_EXPOSED,
    )
