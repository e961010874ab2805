"""Limits for connections: a timeout for request headers, and a maximum number of connections.

Anybody who can connect can also open connections and send nothing. So a request's header must
arrive in time. At the maximum number of connections an idle one is closed: the one idle longest, of
the address with the most connections. If an address at its own limit has no idle connection, its
new one is closed, and so is the new one of an address with many connections while all places are in
use: what remains is for others, whose `/livez` is answered. A response is aborted only if the
client reads nothing of it for a minute.
"""

from __future__ import annotations

import logging
import resource
from asyncio import AbstractEventLoop, TimerHandle, Transport
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar, Final, Protocol

import h11
import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from orchestrator.api.access.proxies import UNKNOWN, client_network
from orchestrator.logs import Repeated

log = structlog.get_logger(__name__)

HEADER_S: Final = 10.0
"""Time to receive a request's header, from its first byte or the start of the connection."""

STALLED_S: Final = 60.0
"""How long a response may wait for a client that reads nothing; a player that continues later
requests the rest."""

MOST: Final = 512
"""Maximum number of connections, if the system allows twice as many open files."""

MOST_OF_ONE: Final = 128
"""Maximum for one address that is not a trusted proxy, of connections and of requests."""


def most_connections() -> int:
    """Maximum number of connections here; half of the open files are kept for everything else."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if files == resource.RLIM_INFINITY else max(16, min(MOST, files // 2))


class Connection(Protocol):
    """A connection that can be closed to free its place."""

    def hang_up(self) -> None:
        """Closes it at once."""


class Connections:
    """All open connections by address; idle ones may be closed for new ones."""

    def __init__(self, trusted: Callable[[str], bool], most: int, most_of_one: int) -> None:
        self._trusted, self._most, self._most_of_one = trusted, most, most_of_one
        self._reserve = most // 8
        """Connections over the limit that still get an error response."""
        self._few = max(2, self._reserve // 4)
        """How many of the reserve one address can have, and how many over its own limit."""
        self._address: dict[Connection, str] = {}
        self._waiting: dict[str, OrderedDict[Connection, None]] = {}
        self._count: Counter[str] = Counter()
        self.hung_up = 0
        """Connections closed to free a place, or because there was none."""
        self._log_refused = Repeated(log.warning)
        self.log_invalid = Repeated(log.warning)

    def __len__(self) -> int:
        return len(self._address)

    def opened(self, connection: Connection, host: str) -> None:
        """Adds a connection that waits for its first request; may close another one."""
        address = client_network(host)
        self._address[connection] = address
        self._count[address] += 1
        closing = self._to_close(connection, host, address)
        self.waits(connection)
        if closing is None:
            return
        if closing is connection:
            self._log_refused(
                "closed a new connection: too many are open",
                client=host,
                of_its_address=self._count[address],
                open=len(self),
            )
        self.hung_up += 1
        self.closed(closing)
        closing.hang_up()

    def waits(self, connection: Connection) -> None:
        """The connection is idle and waits for its next request."""
        if (address := self._address.get(connection)) is not None:
            self._waiting.setdefault(address, OrderedDict()).setdefault(connection)

    def is_asked(self, connection: Connection) -> None:
        """A request has arrived; the connection stays open until it is answered."""
        address = self._address.get(connection)
        if address in self._waiting:
            self._waiting[address].pop(connection, None)
            if not self._waiting[address]:
                del self._waiting[address]

    def closed(self, connection: Connection) -> None:
        """Removes a connection; may be called twice."""
        self.is_asked(connection)
        if (address := self._address.pop(connection, None)) is not None:
            self._count[address] -= 1
            if not self._count[address]:
                del self._count[address]

    def _to_close(self, new: Connection, host: str, address: str) -> Connection | None:
        count = self._count[address]
        limited = not self._trusted(host)
        if limited and count > self._most_of_one:
            if (idle := self._first_waiting(address)) is not None:
                return idle
            is_answered = count <= self._most_of_one + self._few and len(self) <= self._most
            return None if is_answered else new
        if len(self) <= self._most:
            return None
        has_many = limited and count > self._few
        fullest = max(self._waiting, key=self._count.__getitem__, default="")
        # An address with many busy connections doesn't displace one that has fewer.
        if fullest and not (has_many and self._count[fullest] < count):
            return self._first_waiting(fullest)
        return new if has_many or len(self) > self._most + self._reserve else None

    def _first_waiting(self, address: str) -> Connection | None:
        return next(iter(self._waiting.get(address, ())), None)


class TimedProtocol(H11Protocol):
    """uvicorn's connection with a timeout for headers (uvicorn has one only between requests)."""

    held: ClassVar[Connections]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._overdue: TimerHandle | None = None
        self._stalled: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Starts to wait for the first request."""
        super().connection_made(transport)
        self._wait_for_header()
        self.held.opened(self, self.client[0] if self.client else UNKNOWN)

    def data_received(self, data: bytes) -> None:
        """Part of a request or all of it has arrived."""
        super().data_received(data)
        if self._is_answering():
            self._cancel_header_timeout()
            self.held.is_asked(self)
        elif self._overdue is None and not self.transport.is_closing():
            self._wait_for_header()

    def on_response_complete(self) -> None:
        """The response is complete; the next request may already have arrived."""
        super().on_response_complete()
        if not self._is_answering():
            self.held.waits(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._cancel_header_timeout()
        self._cancel_stall_timeout()
        self.held.closed(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The write buffer is full."""
        super().pause_writing()
        self._cancel_stall_timeout()
        self._stalled = self.loop.call_later(STALLED_S, self.hang_up)

    def resume_writing(self) -> None:
        """Most of the write buffer was sent."""
        self._cancel_stall_timeout()
        super().resume_writing()

    def hang_up(self) -> None:
        """Closes it without waiting for a peer that may never read."""
        self._cancel_header_timeout()
        self.transport.abort()

    def timeout_keep_alive_handler(self) -> None:
        """No next request came; closes the connection even if the last response was not read."""
        super().timeout_keep_alive_handler()
        self._wait_for_header()

    def _unsupported_upgrade_warning(self) -> None:
        """Not logged: anybody may ask for a WebSocket."""

    def send_400_response(self, msg: str) -> None:
        """The data is not HTTP. uvicorn would respond even if a response has already begun."""
        client = self.client[0] if self.client else UNKNOWN
        self.held.log_invalid("a client sent an invalid HTTP request", client=client)
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.hang_up()
        if self._is_answering():
            self.cycle.disconnected = True  # the app may still be about to answer
            self.cycle.message_event.set()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_header(self) -> None:
        self._cancel_header_timeout()
        self._overdue = self.loop.call_later(HEADER_S, self._header_is_overdue)

    def _cancel_header_timeout(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _cancel_stall_timeout(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _header_is_overdue(self) -> None:
        begun = self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]
        if begun and not self.transport.is_closing():
            # Only if it sent something: else a browser would take this for its next response.
            self.transport.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
            self.transport.close()
        if self.transport.get_write_buffer_size() or not self.transport.is_closing():
            self.hang_up()


def _is_not_invalid_request(record: logging.LogRecord) -> bool:
    """Filters uvicorn's line for each invalid request: `log_invalid` counts them."""
    return record.msg != "Invalid HTTP request received."


def protocol_with(connections: Connections) -> type[TimedProtocol]:
    """The protocol class for a server with these connections; uvicorn makes one object for each."""
    logging.getLogger("uvicorn.error").addFilter(_is_not_invalid_request)
    return type(TimedProtocol.__name__, (TimedProtocol,), {"held": connections})
