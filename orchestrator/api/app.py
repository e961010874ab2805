"""The FastAPI application around a manager."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cachetools import FIFOCache
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from orchestrator import __version__
from orchestrator.api import dashboard_files, errors
from orchestrator.api.access import browser_policies
from orchestrator.api.access.body_limit import BodyLimit
from orchestrator.api.access.browser_sessions import BrowserSessions
from orchestrator.api.access.guard import Guard, Incidents
from orchestrator.api.access.path_prefix import DocumentationPrefix, PathPrefix
from orchestrator.api.access.proxies import ForwardedHeaders, trust_in
from orchestrator.api.access.request_limits import RequestLimits
from orchestrator.api.access.stream_keys import StreamKeys
from orchestrator.api.manager_protocol import Manager
from orchestrator.api.monitoring import events, health, metrics, processes, system
from orchestrator.api.monitoring.event_feed import EventFeed
from orchestrator.api.monitoring.observer import Observer
from orchestrator.api.monitoring.startup_log import log_problems
from orchestrator.api.routes import (
    capacity,
    depin,
    encodes,
    live_streams,
    outputs,
    pipelines,
    recording_control,
    recordings,
    session,
    settings,
    sidecars,
    streams,
    thumbnails,
    uploads,
    video_library,
    viewer_sessions,
    watches,
    webhooks,
    whip,
)
from orchestrator.api.routes.playback import hls

_DESCRIPTION = """
Records live WebRTC streams. Every error has the body `{success: false, error, detail, code}`:
`error` says what happened, `detail` also what to do, `code` is for programs. Timestamps include
their UTC offset; values that were not measured are null.
"""

_ROUTES = (
    hls,  # first, as routes are looked through in order: each player asks for it all the time
    *(recording_control, watches, recordings, outputs, uploads, sidecars),
    *(encodes, thumbnails),
    webhooks,
    *(streams, live_streams, viewer_sessions, depin, video_library, pipelines),
    *(whip, capacity, health, processes, system, events, metrics, settings, session),
)


def create_app(manager: Manager) -> FastAPI:
    """The API of this manager; the app opens and closes it."""
    # The scripts of /docs are bundled, so that it works without internet access.
    app = FastAPIOffline(
        title="Haven Recorder",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=_lifespan,
        redoc_url=None,
    )
    app.state.manager = manager
    app.state.observer = observer = Observer(manager)
    app.state.feed = EventFeed(manager, observer)
    app.state.began_s = time.monotonic()
    app.state.failure = None
    app.state.viewer_sessions = FIFOCache(viewer_sessions.MOST_SESSIONS)
    app.state.stream_keys = StreamKeys(manager.publishers.key_of)
    app.state.browser_sessions = BrowserSessions(manager.catalog)
    errors.install(app)
    _add_middleware(app, manager)
    for module in _ROUTES:
        # include_router() would analyse each of them again, with the first request of each app.
        app.router.routes.extend(module.router.routes)
    dashboard_files.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    manager: Manager = app.state.manager
    observer: Observer = app.state.observer
    feed: EventFeed = app.state.feed
    try:
        await manager.open()
        await app.state.browser_sessions.load()
        await observer.open()
        await feed.open()
    except Exception as error:
        app.state.failure = error  # for the code that runs the server; ASGI passes on only a text
        raise
    checks_at_start = asyncio.create_task(log_problems(manager, observer))
    try:
        yield
    finally:
        checks_at_start.cancel()
        await asyncio.gather(checks_at_start, return_exceptions=True)
        await feed.close()
        await observer.close()
        await manager.close()


def _add_middleware(app: FastAPI, manager: Manager) -> None:
    # The last one added is the outermost: allowed web pages must be able to read refusals, too.
    app.add_middleware(DocumentationPrefix)
    app.add_middleware(Incidents)
    app.add_middleware(BodyLimit)
    app.add_middleware(Guard, settings=manager.settings, sessions=app.state.browser_sessions)
    app.add_middleware(RequestLimits, trusted=trust_in(manager.settings.trusted_proxies))
    browser_policies.install(app, manager.settings)
    app.add_middleware(PathPrefix, path_prefix=manager.settings.path_prefix)
    app.add_middleware(ForwardedHeaders, trusted_proxies=manager.settings.trusted_proxies)
