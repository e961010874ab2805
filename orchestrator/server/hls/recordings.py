"""HLS of the recordings that are watched."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final

from orchestrator.catalog.store import Catalog
from orchestrator.server.hls.kept_bytes import KeptBytes
from orchestrator.server.hls.recording_hls import RecordingHls
from orchestrator.server.hls.view import View

MOST_RECORDINGS: Final = 64
"""Known at the same time; others are found again from their files."""
FORGET_S: Final = 300.0
"""After nobody asked for it for so long."""


class HlsRecordings:
    """Playlists and pieces of any recording."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._recordings: OrderedDict[str, RecordingHls] = OrderedDict()
        self._kept = KeptBytes()

    async def view(self, id: str, piece: int | None = None, part: int | None = None) -> View:
        """Its playlists, once they have that piece or part where they are of low latency.

        RecordingNotFound, HlsNotReady, HlsImpossible, InvalidRequest.
        """
        recording = self._of(id)
        if piece is None:
            return await recording.view()
        return await recording.view_with(piece, part)

    async def pieces(self, id: str) -> int:
        """How many there are now; as `view`, but doesn't wait for the first."""
        return (await self._of(id).current()).pieces

    async def init(self, id: str, segment: int) -> bytes:
        """A segment's header; NotFound."""
        return await self._of(id).init(segment)

    async def piece(self, id: str, segment: int, piece: int) -> bytes:
        """A piece's bytes; NotFound."""
        recording = self._of(id)
        key = (id, segment, piece, -1)
        return await self._kept.get(key, lambda: recording.piece(segment, piece))

    async def part(self, id: str, segment: int, piece: int, part: int) -> bytes:
        """A part's bytes; NotFound."""
        recording = self._of(id)
        await recording.wait_for_part(segment, piece, part)
        key = (id, segment, piece, part)
        return await self._kept.get(key, lambda: recording.part(segment, piece, part))

    def _of(self, id: str) -> RecordingHls:
        found = self._recordings.get(id)
        if found is None:
            found = self._recordings[id] = RecordingHls(self._catalog, id)
        self._recordings.move_to_end(id)
        now = time.monotonic()
        while len(self._recordings) > 1:
            oldest = next(iter(self._recordings.values()))
            if len(self._recordings) <= MOST_RECORDINGS and now - oldest.asked_at < FORGET_S:
                break
            del self._recordings[oldest.id]
        return found
