"""The live streams of all directories as a wire type, for the routes and for live events."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import asdict
from typing import Any, Final

from orchestrator.api.manager_protocol import Manager, NamedStreams
from orchestrator.api.schemas.streams import DirectoryFailure, Streams, StreamSummary
from orchestrator.discovery.stream_kinds import kind_of
from orchestrator.media import Stream

_RECEIVING: Final = ("recording", "stopping")


async def streams_of(manager: Manager, limit: int) -> Streams:
    """The list, and the directories that failed; raises if all of them fail."""
    listed = await manager.directory.live(limit)
    recorded: set[str] = set()
    if any(stream.is_currently_live is None for stream in listed):
        active = await manager.active()
        recorded = {row.stream_id for row in active if row.state in _RECEIVING}
    streams = [StreamSummary(**summary_of(manager.streams, one, recorded)) for one in listed]
    failed = [
        DirectoryFailure(discovery=name, error=error.error, detail=error.detail, code=error.code)
        for name, error in manager.directory.failures.items()
    ]
    return Streams(streams=streams, count=len(streams), failures=failed)


def summary_of(
    named: NamedStreams, stream: Stream, recorded: Container[str] = ()
) -> dict[str, Any]:
    """The values of a StreamSummary; what is recorded is live, whether or not it was asked for."""
    live = stream.is_currently_live
    if live is None and stream.id in recorded:
        live = True
    own = {"mint_id": stream.id, "is_currently_live": live, "kind": None}
    own["defined_by"] = named.defined_by(stream.id)  # of a platform's: its keys
    if stream.discovery == named.discovery:
        defined = named.definition(stream.id)
        own["kind"] = None if defined is None else kind_of(defined)
    values = asdict(stream) | own
    return {name: values[name] for name in StreamSummary.model_fields}
