"""Finds what has changed of the encodes, for the live events."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi.sse import ServerSentEvent

from orchestrator.api.monitoring.event_hub import frame
from orchestrator.api.recording_parts import Encodes
from orchestrator.api.schemas.encodes import QueueState
from orchestrator.api.serializers import encodes as serialize
from orchestrator.catalog.encode_model import Encode
from orchestrator.errors import EncodeNotFound


class EncodeChanges:
    """The queue as it was at the last look."""

    def __init__(self, encodes: Encodes) -> None:
        self._encodes = encodes
        self.active: Sequence[Encode] = ()
        """What hasn't ended."""
        self.queue = QueueState(paused=encodes.pause_reason)
        """Whether it goes on."""
        self._versions: dict[str, tuple[object, ...]] = {}

    async def look(self) -> list[ServerSentEvent]:
        """An event for each encode that is new, got further, or has ended; one for a pause."""
        rows = await self._encodes.active()
        before, self._versions = self._versions, {row.id: _version(row) for row in rows}
        changed = [row for row in rows if before.get(row.id) != self._versions[row.id]]
        for id in before.keys() - self._versions.keys():
            try:
                changed.append(await self._encodes.get(id))
            except EncodeNotFound:
                continue  # deleted with its recording
        self.active = rows
        events = [frame("encode", serialize.info(row).model_dump_json()) for row in changed]
        queue = QueueState(paused=self._encodes.pause_reason)
        if queue != self.queue:
            self.queue = queue
            events.append(frame("encode_queue", queue.model_dump_json()))
        return events


def _version(row: Encode) -> tuple[object, ...]:
    """Changes with every write of the process and of the server."""
    return row.state, row.progress_at, row.starts, len(row.result)
