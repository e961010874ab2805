"""Publishers in memory: each stream has a key, and one session that never sends anything."""

from __future__ import annotations

from typing import Any

from orchestrator.errors import HavenError, PublisherNotFound, StaleSession

ANSWER = "v=0\r\n"
SESSION = "a-session"
ETAG = "first"


class MemoryPublishers:
    """Behaves as the server's, without a process."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.offers: list[tuple[str, str]] = []
        self.requests: list[dict[str, Any]] = []
        self.raises: HavenError | None = None
        """What every offer raises, if anything."""
        self.held: dict[int, str] = {}
        """What processes hold."""

    def key_of(self, stream_id: str) -> str | None:
        """The stream's key."""
        return self.keys.get(stream_id)

    async def offer(self, stream_id: str, sdp: str) -> dict[str, Any]:
        """Begins the session."""
        if self.raises is not None:
            raise self.raises
        self.offers.append((stream_id, sdp))
        return {"sdp": ANSWER, "session": SESSION, "etag": ETAG}

    async def of_session(self, stream_id: str, **request: Any) -> None:
        """Notes it, if it is of the session."""
        if request["session"] != SESSION or not self.offers:
            raise PublisherNotFound()
        if request.get("etag", ETAG) != ETAG:
            raise StaleSession()
        self.requests.append({"stream": stream_id} | request)

    async def processes(self) -> dict[int, str]:
        """The streams by pids."""
        return self.held
