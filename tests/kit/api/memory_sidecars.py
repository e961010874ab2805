"""Files beside recordings in memory: rows that a test added."""

from __future__ import annotations

from orchestrator.catalog.sidecars.model import SidecarFile
from orchestrator.errors import SidecarNotFound


class MemorySidecars:
    """The protocol's Sidecars."""

    def __init__(self) -> None:
        self.rows: list[SidecarFile] = []

    async def page(
        self, recording_id: str, *, kind: str | None, limit: int, offset: int
    ) -> tuple[list[SidecarFile], int]:
        """Those that were added."""
        these = [row for row in self.rows if row.recording_id == recording_id]
        these = [row for row in these if kind in (None, row.kind)]
        return these[offset : offset + limit], len(these)

    async def get(self, recording_id: str, name: str) -> SidecarFile:
        """By its name."""
        for row in self.rows:
            if (row.recording_id, row.name) == (recording_id, name):
                return row
        raise SidecarNotFound(recording_id, name)
