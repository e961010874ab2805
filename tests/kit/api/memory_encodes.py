"""A queue of encodes in memory, in which nothing happens but what a test does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from orchestrator.catalog.encode_model import ACTIVE_ENCODES, Encode
from orchestrator.errors import EncodeNotFound
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.server.encodes.power import PauseReason
from orchestrator.server.encodes.request import new_encode


@dataclass
class MemoryEncodes:
    """A queue in which nothing happens but what a test does."""

    rows: list[Encode] = field(default_factory=list)
    pause_reason: PauseReason | None = None

    async def add(self, recording_id: str, options: EncodeOptions) -> Encode:
        """Queued."""
        self.rows.append(row := new_encode(recording_id, options))
        return row

    async def get(self, encode_id: str) -> Encode:
        """By its id."""
        found = next((row for row in self.rows if row.id == encode_id), None)
        if found is None:
            raise EncodeNotFound(encode_id)
        return found

    async def pause(self, *, paused: bool) -> PauseReason | None:
        """At once."""
        self.pause_reason = "request" if paused else None
        return self.pause_reason

    async def active(self) -> list[Encode]:
        """Those that haven't ended."""
        return [row for row in self.rows if row.state in ACTIVE_ENCODES]

    async def page(
        self, *, limit: int, offset: int, state: str | None = None, recording_id: str | None = None
    ) -> tuple[list[Encode], int]:
        """The newest first."""
        fits = [row for row in reversed(self.rows) if state in (None, row.state)]
        fits = [row for row in fits if recording_id in (None, row.recording_id)]
        return fits[offset : offset + limit], len(fits)

    async def counts(self) -> dict[str, int]:
        """By state."""
        return dict(Counter(row.state for row in self.rows))

    async def cancel(self, encode_id: str) -> Encode:
        """At once."""
        row = await self.get(encode_id)
        row.state = "cancelled"
        return row
