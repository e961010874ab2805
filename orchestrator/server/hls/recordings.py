"""HLS of the recordings that are watched."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from orchestrator.catalog.store import Catalog
from orchestrator.errors import RecordingNotFound
from orchestrator.recordings.hls.view import View
from orchestrator.server.hls.kept_bytes import KeptBytes
from orchestrator.server.hls.piece_makers import PieceMakers
from orchestrator.server.hls.recording_hls import RecordingHls

MOST_RECORDINGS: Final = 64
"""Known at the same time; others are found again from their files."""
FORGET_S: Final = 300.0
"""After nobody asked for it for so long."""


class HlsRecordings:
    """Playlists and pieces of any recording."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._recordings: OrderedDict[str, RecordingHls] = OrderedDict()
        self._kept, self._makers = KeptBytes(), PieceMakers()

    async def view(self, id: str, piece: int | None = None, part: int | None = None) -> View:
        """Its playlists, once they have that piece or part where they are of low latency.

        RecordingNotFound, HlsNotReady, HlsImpossible, InvalidRequest.
        """
        async with self._asked(id) as recording:
            if piece is None:
                return await recording.view()
            return await recording.view_with(piece, part)

    async def current(self, id: str) -> View:
        """As `view`, but doesn't wait for the first piece."""
        async with self._asked(id) as recording:
            return await recording.current()

    async def init(self, id: str, run: str, header: int = 0) -> bytes:
        """A header of the segment with this name; NotFound."""
        async with self._asked(id) as recording:
            return await recording.init(run, header)

    async def piece(self, id: str, run: str, piece: int) -> bytes:
        """A piece's bytes; NotFound, Unavailable if players have too many others made."""
        async with self._asked(id) as recording:
            await recording.require()
            key = (id, run, piece, -1)
            return await self._kept.get(key, lambda: recording.piece(run, piece))

    async def part(self, id: str, run: str, piece: int, part: int) -> bytes:
        """A part's bytes; NotFound."""
        async with self._asked(id) as recording:
            await recording.wait_for_part(run, piece, part)
            key = (id, run, piece, part)
            return await self._kept.get(key, lambda: recording.part(run, piece, part))

    def forget(self, id: str) -> None:
        """Drops all that is known of a recording: it was deleted."""
        self._recordings.pop(id, None)
        self._kept.forget(id)

    @asynccontextmanager
    async def _asked(self, id: str) -> AsyncIterator[RecordingHls]:
        """That of a recording; one that the catalog doesn't know has no place."""
        try:
            if id not in self._recordings:
                await self._catalog.get(id)
            yield self._of(id)
        except RecordingNotFound:
            self.forget(id)
            raise

    def _of(self, id: str) -> RecordingHls:
        found = self._recordings.get(id)
        if found is None:
            found = self._recordings[id] = RecordingHls(self._catalog, id, self._makers)
        self._recordings.move_to_end(id)
        now = time.monotonic()
        while len(self._recordings) > 1:
            oldest = next(iter(self._recordings.values()))
            if len(self._recordings) <= MOST_RECORDINGS and now - oldest.asked_at < FORGET_S:
                break
            del self._recordings[oldest.id]
        return found
