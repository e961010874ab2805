"""The live streams of all directories on the wire: what routes and live events have in common."""

from __future__ import annotations

from dataclasses import asdict

from orchestrator.api.schemas.machine import DirectoryFailure, Streams, StreamSummary
from orchestrator.api.service import Manager
from orchestrator.media import Stream


async def streams_of(manager: Manager, limit: int) -> Streams:
    """The list with what is missing in it; raises when every directory fails."""
    found = [_summary(s) for s in await manager.directory.live(limit)]
    failed = [
        DirectoryFailure(discovery=name, error=error.error, detail=error.detail, code=error.code)
        for name, error in manager.directory.failures.items()
    ]
    return Streams(streams=found, count=len(found), failures=failed)


def _summary(stream: Stream) -> StreamSummary:
    return StreamSummary.model_validate(asdict(stream) | {"mint_id": stream.id})
