"""Pausing recordings in memory."""

from __future__ import annotations

from abc import abstractmethod
from datetime import UTC, datetime

from orchestrator.catalog.models import Recording
from orchestrator.errors import NothingToPause, PauseConflict

SINCE = datetime(2024, 12, 1, 14, 31, 2, tzinfo=UTC)


class MemoryPauses:
    """Pauses at once, and goes on at once."""

    @abstractmethod
    async def status(self, stream_id: str) -> Recording | None:
        """The one that runs."""

    async def pause(self, stream_id: str, *, still: bool = False) -> Recording:
        """The row, paused."""
        row, mode = await self._capturing(stream_id), "still" if still else "cut"
        if row.pause not in (None, mode):
            raise PauseConflict(f"The recording of {stream_id} is paused in another way.")
        row.state, row.paused_since, row.pause = "paused", row.paused_since or SINCE, mode
        return row

    async def resume(self, stream_id: str) -> Recording:
        """The row, recording."""
        row = await self._capturing(stream_id)
        row.state, row.paused_since, row.pause = "recording", None, None
        return row

    async def _capturing(self, stream_id: str) -> Recording:
        row = await self.status(stream_id)
        if row is None:
            raise NothingToPause(stream_id)
        if row.state == "starting":
            raise PauseConflict(f"The recording of {stream_id} has no first frame yet.")
        return row
