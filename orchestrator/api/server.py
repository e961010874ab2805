"""Runs the app with uvicorn."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from orchestrator.api.access.connection_limits import (
    MOST_OF_ONE,
    Connections,
    most_connections,
    protocol_with,
)
from orchestrator.api.access.guard import check_listening
from orchestrator.api.access.proxies import trust_in
from orchestrator.api.app import create_app
from orchestrator.api.manager_protocol import Manager
from orchestrator.api.monitoring.event_feed import EventFeed
from orchestrator.api.service_manager import ServiceManager
from orchestrator.catalog.database import database_path
from orchestrator.errors import SettingsError, Unavailable
from orchestrator.server.lock import ServerLock
from orchestrator.server.manager import create_manager
from orchestrator.settings import Settings
from orchestrator.stop_policy import STOP

_Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None

KEEP_ALIVE_S = 5
"""How long a connection may be idle."""

_BACKLOG = 256
"""Connections accepted at a time; connections over the limit are closed in between."""


def serve(settings: Settings) -> None:
    """Serves until it gets a signal to stop; returns when recordings are finished or left running.

    The signals are SIGTERM, SIGINT and SIGHUP (the terminal was closed). If SIGHUP is ignored, as
    with `nohup`, the server continues.

    Raises SettingsError if it can't listen on the address or another server uses the catalog, and
    any other error that keeps it from starting.
    """
    lock = ServerLock(database_path(settings.database_url), settings.file_access)
    run(create_manager(settings, lock), lock)


def run(manager: Manager, lock: ServerLock | None = None) -> None:
    """Serves a manager at the address in its settings; takes the lock once it has the port."""
    check_listening(manager.settings)
    with listening(manager.settings.host, manager.settings.port) as listener, _held(lock):
        app = create_app(manager)
        server = _Server(app)
        with _ignoring_repeated_signals():
            asyncio.run(server.serve(sockets=[listener]))
    if not server.started:
        raise app.state.failure or Unavailable("The server could not start; see its log.")


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
    """A socket that listens there; it is opened before anything else starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the protocol is given; without it, every response waits 40 ms
    # for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Connections of the previous server must not block the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(_BACKLOG)
    except (OSError, UnicodeError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or error
        raise SettingsError(
            f"Can't listen on {host}, port {port}: {why}",
            "Stop the program that uses it, or choose another port with --port (0: any free one).",
        ) from error
    with listener:
        yield listener


def url_of(listener: socket.socket) -> str:
    """The address to call."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def configuration(app: FastAPI) -> uvicorn.Config:
    """The configuration of uvicorn."""
    settings: Settings = app.state.manager.settings
    trusted = trust_in(settings.trusted_proxies)
    connections = Connections(trusted, most_connections(), MOST_OF_ONE)
    return uvicorn.Config(
        app,
        http=protocol_with(connections),
        ws="none",  # the API has no WebSockets
        log_config=None,  # it logs where we log
        log_level=logging.WARNING,
        access_log=False,  # the desktop app polls the status every second
        server_header=False,
        proxy_headers=False,  # `access.proxies` reads them, with our own setting
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(STOP.requests_s),
        backlog=_BACKLOG,
        lifespan="on",
    )


class _Server(uvicorn.Server):
    """Prints its address when it is ready, and ends live events when it stops."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(configuration(app))
        self._feed: EventFeed = app.state.feed
        self._service_manager = ServiceManager()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own signals, and SIGHUP like SIGTERM."""
        with super().capture_signals():
            before = _handle_hang_up(self.handle_exit)
            try:
                yield
            finally:
                _handle_hang_up(before)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service_manager.stopping()
        # Live events never end: without this, an open page would take all of requests_s.
        self._feed.hub.close()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        quiet = logging.getLogger("uvicorn.error")
        quiet.setLevel(logging.CRITICAL)  # `run` raises the error; no traceback is needed
        try:
            await super().startup(sockets)
        except SystemExit:  # uvicorn exits if the start failed
            self.should_exit = True
        quiet.setLevel(logging.WARNING)
        if self.should_exit:
            return
        for listener in sockets or []:
            url = url_of(listener)
            print(f"Haven Recorder listens on {url} (documentation: {url}/docs)", flush=True)
        self._service_manager.ready()


@contextmanager
def _ignoring_repeated_signals() -> Iterator[None]:
    """uvicorn raises its signal again at the end; ignores that, so that the exit code is 0."""

    def ignore(number: int, frame: FrameType | None) -> None:
        """The server has already stopped."""

    before = {number: signal.signal(number, ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    hung_up = _handle_hang_up(ignore)
    try:
        yield
    finally:
        _handle_hang_up(hung_up)
        for number, handler in before.items():
            signal.signal(number, handler)


def _handle_hang_up(handler: _Handler) -> _Handler:
    """Sets the handler of SIGHUP unless it was ignored at the start; returns the previous one."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return signal.SIG_IGN
    return signal.signal(signal.SIGHUP, handler)
