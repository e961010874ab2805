"""The live streams of all directories as a wire type, for the routes and for live events."""

from __future__ import annotations

from dataclasses import asdict

from orchestrator.api.manager_protocol import Manager
from orchestrator.api.schemas.streams import DirectoryFailure, Streams, StreamSummary
from orchestrator.media import Stream


async def streams_of(manager: Manager, limit: int) -> Streams:
    """The list, and the directories that failed; raises if all of them fail."""
    streams = [_summary(s) for s in await manager.directory.live(limit)]
    failed = [
        DirectoryFailure(discovery=name, error=error.error, detail=error.detail, code=error.code)
        for name, error in manager.directory.failures.items()
    ]
    return Streams(streams=streams, count=len(streams), failures=failed)


def _summary(stream: Stream) -> StreamSummary:
    return StreamSummary.model_validate(asdict(stream) | {"mint_id": stream.id})
