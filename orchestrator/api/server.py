"""Running the app with uvicorn, so that its port is free the moment it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from orchestrator.api.app import create_app
from orchestrator.api.guard import check_listening
from orchestrator.api.monitoring.feed import Feed
from orchestrator.api.service import Manager
from orchestrator.catalog.database import database_path
from orchestrator.errors import SettingsError
from orchestrator.recordings.lock import ServerLock
from orchestrator.recordings.manager import create_manager
from orchestrator.settings import Settings

GRACE_S = 3
"""How long answers that are being given may take after SIGTERM; recordings have their own time."""

MOST_CONNECTIONS = 512
"""Connections at once; more are told 503."""


def serve(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM; returns when recordings are finished (or left running).

    Raises SettingsError when the address can't be listened on, or another server has the catalog.
    """
    lock = ServerLock(database_path(settings.database_url))
    run(create_manager(settings, lock), lock)


def run(manager: Manager, lock: ServerLock | None = None) -> None:
    """Serves one manager at the address of its settings; takes the lock once it has the port."""
    check_listening(manager.settings)
    with listening(manager.settings.host, manager.settings.port) as listener, _held(lock):
        app = create_app(manager)
        with _calm_end():
            asyncio.run(_Server(app).serve(sockets=[listener]))
    if failure := app.state.failure:
        raise failure


@contextmanager
def _held(lock: ServerLock | None) -> Iterator[None]:
    if lock is None:
        yield
        return
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens there; taken before anything else starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only where it is: without, every
    # answer waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Connections of the last server don't keep the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(MOST_CONNECTIONS)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"Can't listen on {host}, port {port}: {error.strerror or error}",
            "Stop what uses it, or choose another with --port (0 takes a free one).",
        ) from error
    with listener:
        yield listener


def url_of(listener: socket.socket) -> str:
    """The address to call."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _configuration(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,  # its lines go where ours go
        log_level=logging.WARNING,
        access_log=False,  # the app asks for the status each second
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=MOST_CONNECTIONS,
        lifespan="on",
    )


class _Server(uvicorn.Server):
    """Says its address when it answers, and ends live events when it stops."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(_configuration(app))
        self._feed: Feed = app.state.feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Live events have no end: without this a page that shows them costs the whole GRACE_S.
        self._feed.hub.close()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        quiet = logging.getLogger("uvicorn.error")
        quiet.setLevel(logging.CRITICAL)  # what failed is raised by `run`, and needs no traceback
        await super().startup(sockets)
        quiet.setLevel(logging.WARNING)
        if self.should_exit:
            return
        for listener in sockets or []:
            url = url_of(listener)
            print(f"Haven Recorder listens on {url} (documentation: {url}/docs)", flush=True)


@contextmanager
def _calm_end() -> Iterator[None]:
    """uvicorn raises the signal that ended it once more: that mustn't end us with an error code."""

    def ignore(number: int, frame: FrameType | None) -> None:
        """A clean end was all it asked for."""

    before = {number: signal.signal(number, ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
