"""Waits until somebody in a live stream unmutes, at the cost of one signalling connection."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Final, Protocol

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import EverybodyMuted
from orchestrator.media import Endpoint, LiveKitEndpoint, Stream

STEADY_S: Final = 10.0
"""After a connection that ended sooner, the pause before the next one doubles."""

PAUSES_S: Final = (0.2, 30.0)
"""The shortest pause and the longest."""


class Streams(Protocol):
    """What is needed of discovery.directory.Directory."""

    async def find(self, id: str, /) -> Stream: ...
    async def endpoint(self, stream: Stream, identity: str, /, *, shown: bool) -> Endpoint: ...


async def wait_for_unmute(
    streams: Streams, stream_id: str, connect_timeout_s: float, keys: E2eeKeys | None
) -> None:
    """Returns when somebody in it unmutes; raises StreamNotFound when it is over.

    Other HavenErrors: the stream can't be joined, or (EverybodyMuted) doesn't report who is muted.
    """
    from orchestrator.sources.livekit.lobby import until_unmuted  # protobuf: on demand

    identity, pause_s = f"recorder-waits-{uuid.uuid4().hex[:12]}", PAUSES_S[0]
    while True:
        stream = await streams.find(stream_id)
        endpoint = await streams.endpoint(stream, identity, shown=False)  # nothing is recorded yet
        if not isinstance(endpoint, LiveKitEndpoint):
            raise EverybodyMuted(
                f"Can't wait for an unmute: {stream_id}'s source doesn't report who is muted.",
                "Will retry.",
            )
        began = time.monotonic()
        if await until_unmuted(endpoint, connect_timeout_s=connect_timeout_s, keys=keys):
            return
        steady = time.monotonic() - began > STEADY_S
        pause_s = PAUSES_S[0] if steady else min(2 * pause_s, PAUSES_S[1])
        await asyncio.sleep(pause_s)
