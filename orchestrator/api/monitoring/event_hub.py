"""Sends live events to all clients: one text for all, and a bounded queue for each.

Events with an id are kept for clients that reconnect (Last-Event-ID, WHATWG HTML §9.2); the others
only describe the current state. A client that reads too slowly is disconnected; when it reconnects,
it gets what it missed.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable
from typing import Final

from fastapi.sse import ServerSentEvent

from orchestrator.api.schemas.events import Name
from orchestrator.errors import Unavailable

MOST_CLIENTS: Final = 64
MOST_OF_ONE: Final = 16
"""Maximum of one browser or program; the dashboard needs one."""

WAITING: Final = 64
"""Events that may be queued for one client: a minute of figures."""

REMEMBERED: Final = 1000
"""Events kept for clients that reconnect."""

RETRY_MS: Final = 1000
"""When a browser reconnects after its connection has ended."""


class TooManyClients(Unavailable):
    """The limit of clients is reached."""

    code = "too_many_clients"

    def __init__(self, most: int = MOST_CLIENTS) -> None:
        super().__init__(
            f"{most} clients receive live events, which is the limit.",
            "Close a page that shows them, or poll GET /api/processes instead.",
            retry_after_s=10.0,
        )


class Client:
    """One client of live events."""

    def __init__(
        self, first: Iterable[ServerSentEvent], who: str = "", session: str | None = None
    ) -> None:
        self.who, self.session = who, session
        """Its address and program, and the session it was opened with."""
        self._first = list(first)
        self._waiting: asyncio.Queue[ServerSentEvent | None] = asyncio.Queue(WAITING)
        self._ended = False

    def put(self, event: ServerSentEvent) -> bool:
        """Queues an event without waiting; False if the client was too slow and is ended."""
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            self.end()
            return False
        return True

    def end(self) -> None:
        """Ends the client and discards what is queued."""
        self._ended = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """The first events, then all others as they come, until `end`."""
        for event in self._first:
            yield event
        while not self._ended and (waited := await self._waiting.get()) is not None:
            yield waited


class EventHub:
    """All clients, and the events kept for those that reconnect."""

    def __init__(self) -> None:
        self.too_slow = 0
        """Clients disconnected because they read too slowly."""
        self.newest: int | None = None
        """Id of the newest event; None until `remember` was called."""
        self._clients: dict[Client, None] = {}
        """Oldest first."""
        self._lines: deque[tuple[int, ServerSentEvent]] = deque(maxlen=REMEMBERED)
        self._complete_after = 0
        """No event with a higher id is missing here."""
        self.closed = False

    @property
    def clients(self) -> int:
        """The number of clients."""
        return len(self._clients)

    def remember(self, lines: list[tuple[int, str]]) -> list[ServerSentEvent]:
        """Adds the events after `newest`, oldest first and at most REMEMBERED; returns them to
        publish."""
        if len(lines) >= REMEMBERED or self.newest is None:
            # There may be earlier ones that were not read.
            self._lines.clear()
            self._complete_after = lines[0][0] - 1 if len(lines) >= REMEMBERED else 0
        events = [(id, frame("story", text, id)) for id, text in lines]
        for id, event in events:
            if len(self._lines) == REMEMBERED:
                self._complete_after = self._lines[0][0]
            self._lines.append((id, event))
        self.newest = lines[-1][0] if lines else self.newest or 0
        return [event for _, event in events]

    def missed(self, last_id: int | None) -> list[ServerSentEvent] | None:
        """The events after this id; None if some are no longer kept, or the id is unknown."""
        if last_id is None or not self._complete_after <= last_id <= (self.newest or 0):
            return None
        return [event for id, event in self._lines if id > last_id]

    def add(self, client: Client) -> None:
        """Adds a client; TooManyClients if the limit is reached.

        At the limit, the oldest client of the program with the most is ended, if it has more than
        this one.
        """
        of = Counter(other.who for other in self._clients)
        if of[client.who] >= MOST_OF_ONE:
            raise TooManyClients(MOST_OF_ONE)
        if self.clients >= MOST_CLIENTS:
            who, most = of.most_common(1)[0]
            if most <= of[client.who] + 1:
                raise TooManyClients
            self._end(next(other for other in self._clients if other.who == who))
        if self.closed:
            client.end()
        self._clients[client] = None

    def remove(self, client: Client) -> None:
        """Removes a client."""
        self._clients.pop(client, None)

    def end_session(self, session: str) -> None:
        """Ends the clients of a session that was closed."""
        for client in [one for one in self._clients if one.session == session]:
            self._end(client)

    def _end(self, client: Client) -> None:
        client.end()
        self.remove(client)

    def publish(self, event: ServerSentEvent) -> None:
        """Sends an event to all clients without waiting."""
        for client in list(self._clients):
            if not client.put(event):
                self.too_slow += 1
                self.remove(client)

    def close(self) -> None:
        """Ends all clients, also later ones: a server that stops must not wait for them."""
        self.closed = True
        for client in self._clients:
            client.end()


def frame(name: Name, text: str, id: int | None = None) -> ServerSentEvent:
    """An event whose text is JSON."""
    event_id = None if id is None else str(id)
    return ServerSentEvent(
        event=name, raw_data=text, id=event_id, retry=RETRY_MS if event_id else None
    )
