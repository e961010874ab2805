"""Gives every live event to all clients: one text for all, and a bounded queue for each.

What has an id is kept for those who come back (Last-Event-ID, WHATWG HTML §9.2); the rest is only
about now. A client that doesn't keep up is ended, and comes back to what it missed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Final

from fastapi.sse import ServerSentEvent

from orchestrator.api.schemas.events import Name
from orchestrator.errors import Unavailable

MOST_CLIENTS: Final = 64
WAITING: Final = 64
"""Events that may wait for one client: a minute of figures."""

REMEMBERED: Final = 1000
"""Lines of the story for those who come back."""

RETRY_MS: Final = 1000
"""When a browser comes back after its connection has ended."""


class TooManyClients(Unavailable):
    """As many clients listen as may."""

    code = "too_many_clients"

    def __init__(self) -> None:
        super().__init__(
            f"{MOST_CLIENTS} clients listen to live events, and no more may.",
            "Close a page that shows them, or ask GET /api/processes now and then.",
            retry_after_s=10.0,
        )


class Client:
    """One listener."""

    def __init__(self, first: Iterable[ServerSentEvent]) -> None:
        self._first = list(first)
        self._waiting: asyncio.Queue[ServerSentEvent | None] = asyncio.Queue(WAITING)
        self._ended = False

    def put(self, event: ServerSentEvent) -> bool:
        """Never waits; False, and ended, when it is too slow."""
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            self.end()
            return False
        return True

    def end(self) -> None:
        """Nothing more is given, not even what waits."""
        self._ended = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """What is now first, then everything as it comes; until `end`."""
        for event in self._first:
            yield event
        while not self._ended and (waited := await self._waiting.get()) is not None:
            yield waited


class Hub:
    """All clients, and the lines of the story that are remembered."""

    def __init__(self) -> None:
        self.too_slow = 0
        """Clients that were ended because they didn't keep up."""
        self.newest: int | None = None
        """Id of the newest line; None before `remember` was called once."""
        self._clients: set[Client] = set()
        self._lines: deque[tuple[int, ServerSentEvent]] = deque(maxlen=REMEMBERED)
        self._complete_after = 0
        """Of lines with a higher id none is missing here."""
        self.closed = False

    @property
    def clients(self) -> int:
        """How many listen."""
        return len(self._clients)

    def remember(self, lines: list[tuple[int, str]]) -> list[ServerSentEvent]:
        """The newest lines of the story, oldest first: those after `newest`, at most REMEMBERED."""
        if len(lines) >= REMEMBERED or self.newest is None:
            # There may be others before them, which nobody read.
            self._lines.clear()
            self._complete_after = lines[0][0] - 1 if len(lines) >= REMEMBERED else 0
        made = [(id, frame("story", text, id)) for id, text in lines]
        for id, event in made:
            if len(self._lines) == REMEMBERED:
                self._complete_after = self._lines[0][0]
            self._lines.append((id, event))
        self.newest = lines[-1][0] if lines else self.newest or 0
        return [event for _, event in made]

    def missed(self, last_id: int | None) -> list[ServerSentEvent] | None:
        """The lines after this one; None when they can't be told any more, or it isn't ours."""
        if last_id is None or not self._complete_after <= last_id <= (self.newest or 0):
            return None
        return [event for id, event in self._lines if id > last_id]

    def add(self, client: Client) -> None:
        """Listens from now on; TooManyClients if as many do as may."""
        if self.clients >= MOST_CLIENTS:
            raise TooManyClients
        if self.closed:
            client.end()
        self._clients.add(client)

    def remove(self, client: Client) -> None:
        """Listens no more."""
        self._clients.discard(client)

    def publish(self, event: ServerSentEvent) -> None:
        """To everybody; never waits."""
        for client in list(self._clients):
            if not client.put(event):
                self.too_slow += 1
                self.remove(client)

    def close(self) -> None:
        """Ends all, now and later: a server that stops mustn't wait for them."""
        self.closed = True
        for client in self._clients:
            client.end()


def frame(name: Name, text: str, id: int | None = None) -> ServerSentEvent:
    """One event; its text is JSON already."""
    told = None if id is None else str(id)
    return ServerSentEvent(event=name, raw_data=text, id=told, retry=RETRY_MS if told else None)
