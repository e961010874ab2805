"""A directory in memory: streams that are live because a test says so."""

from __future__ import annotations

from dataclasses import dataclass, field

import jwt

from orchestrator.api.schemas.common import MINT_ID
from orchestrator.discovery.configured import ConfiguredDiscovery
from orchestrator.errors import HavenError, StreamNotFound
from orchestrator.media import Endpoint, LiveKitEndpoint, Stream, WhepEndpoint


@dataclass
class MemoryDirectory:
    """Streams that are live because the test says so."""

    streams: list[Stream] = field(default_factory=lambda: [Stream(MINT_ID, "demo", name=None)])
    names: list[str] = field(default_factory=lambda: ["demo"])
    failures: dict[str, HavenError] = field(default_factory=dict)
    named: ConfiguredDiscovery = field(default_factory=lambda: ConfiguredDiscovery({}))
    joined: list[str] = field(default_factory=list)
    """The identities that endpoints were asked for."""

    async def find(self, id: str) -> Stream:
        """By its id."""
        found = next((stream for stream in self.streams if stream.id == id), None)
        if found is None:
            raise StreamNotFound(id)
        return found

    async def endpoint(self, stream: Stream, identity: str) -> Endpoint:
        """The demo's is WHEP, any other's LiveKit."""
        self.joined.append(identity)
        if stream.discovery == "demo":
            return WhepEndpoint("http://127.0.0.1:9/whep")
        token = jwt.encode({"video": {"room": "the room"}}, "k" * 32, "HS256")
        return LiveKitEndpoint("wss://livekit.example", token)

    async def unwatched(self, id: str) -> None:
        """Nothing waits for it."""

    async def live(self, limit: int) -> list[Stream]:
        """The first of them."""
        return [*await self.named.live(limit), *self.streams][:limit]
