"""Finds what has changed of the encodes, for the live events."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi.sse import ServerSentEvent

from orchestrator.api.manager_protocol import Encodes
from orchestrator.api.monitoring.event_hub import frame
from orchestrator.api.serializers import encodes as serialize
from orchestrator.catalog.encode_model import Encode
from orchestrator.errors import EncodeNotFound


class EncodeChanges:
    """The queue as it was at the last look."""

    def __init__(self, encodes: Encodes) -> None:
        self._encodes = encodes
        self.active: Sequence[Encode] = ()
        """What hasn't ended."""
        self._versions: dict[str, tuple[object, ...]] = {}

    async def look(self) -> list[ServerSentEvent]:
        """An event for each encode that is new, got further, or has ended."""
        rows = await self._encodes.active()
        before, self._versions = self._versions, {row.id: _version(row) for row in rows}
        changed = [row for row in rows if before.get(row.id) != self._versions[row.id]]
        for id in before.keys() - self._versions.keys():
            try:
                changed.append(await self._encodes.get(id))
            except EncodeNotFound:
                continue  # deleted with its recording
        self.active = rows
        return [frame("encode", serialize.info(row).model_dump_json()) for row in changed]


def _version(row: Encode) -> tuple[object, ...]:
    """Changes with every write of the process and of the server."""
    return row.state, row.progress_at, row.starts, len(row.result)
