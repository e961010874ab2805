"""Sends the pieces of one recording to one target, in order, and playlists of those that are there.

A playlist names a piece only when that and its header are there: it is put behind them.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Final

import structlog

from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.model import UploadedPiece
from orchestrator.catalog.uploads.pieces import UploadedPieces
from orchestrator.errors import UploadHindered
from orchestrator.mediafiles.media_types import media_type
from orchestrator.recordings.hls.view import View
from orchestrator.uploads.output_state import OutputGone, UploadState
from orchestrator.uploads.pieces.far_end import FarEnd
from orchestrator.uploads.pieces.in_memory import InMemory
from orchestrator.uploads.pieces.names import FOLDER, MASTER_NAME, MEDIA_NAME
from orchestrator.uploads.pieces.source import Entry, PieceSource

log = structlog.get_logger(__name__)

LEAST_S: Final = 1.0
"""From one playlist to the next at least,"""
BYTES_PER_S: Final = 128 * 2**10
"""and as long as it takes to send it at this rate: that of a day has some megabytes;"""
MOST_TARGETS: Final = 1.0
"""but not more target durations than this (RFC 8216 §6.2.1 allows 1.5)."""
COUNT_S: Final = 1.0
"""Between two looks at how much is left."""
PATIENCE: Final = 10
"""Looks in a row at segments that can't be read, until it is a failure."""
MASTER_S: Final = 30.0
"""From one master playlist to the next, if only rates in it change."""


class PieceSender:
    """What one pass knows of them."""

    def __init__(self, catalog: Catalog, state: UploadState, far_end: FarEnd) -> None:
        self._catalog, self._state, self._far_end = catalog, state, far_end
        self._pieces = UploadedPieces(catalog)
        self._known: dict[str, int] = {}
        """Bytes by name of what is there."""
        self._source = PieceSource(catalog, state.row.recording_id, self._known)
        self._generation = 0
        self._there = self._published = 0
        """How many pieces are there, and in the playlist."""
        self._published_s = self._master_s = self._counted_s = float("-inf")
        self._unread = 0
        self._interval_s = LEAST_S
        self._master = b""

    async def open(self) -> None:
        """Learns what is there."""
        fallback = self._far_end.fallback
        self._known |= await self._pieces.sizes(self._state.row.id, fallback=fallback)

    async def send_new(self) -> bool:
        """Sends what has become whole; whether all is there, and nothing will follow.

        UploadError, OutputGone, RecordingNotFound.
        """
        if not await self._look():
            return False
        self._skip_known()
        self._count()
        for entry in self._source.after(self._there):
            if not await self._send(entry):
                return False
            self._there += 1
            self._count_in_time()
            await self._publish_in_time()
            await self._state.tell()
        self._count()
        await self._publish_in_time()
        return self._source.is_over and self._source.count == self._there

    async def last_view(self) -> View | None:
        """The playlists at the end; None if there is no piece."""
        return await self._source.view(self._there, ended=True) if self._there else None

    def named(self) -> list[str]:
        """What the last playlist names, in order, each once."""
        entries = self._source.after(0)
        return list(dict.fromkeys(name for one in entries for name in (one.init_name, one.name)))

    async def drop_others(self) -> None:
        """Removes what the last playlist doesn't name: of files that an encode has replaced."""
        named = set(self.named())
        others = [name for name in self._known if name not in named]
        gone = [name for name in others if await self._far_end.remove(f"{FOLDER}/{name}")]
        await self._pieces.forget(self._state.row.id, gone)
        for name in gone:
            del self._known[name]
        self._count()

    async def _look(self) -> bool:
        """Whether the segments could be read; UploadHindered if they can't for a while."""
        try:
            await self._source.look()
        except (OSError, ValueError) as error:
            self._bear("its segments", error)
            return False
        if self._source.generation != self._generation:
            self._generation, self._there, self._published = self._source.generation, 0, 0
        return True

    def _bear(self, what: str, error: Exception) -> None:
        """A segment that is joined or renamed in this moment is nothing to tell."""
        self._unread += 1
        if self._unread > PATIENCE:
            raise UploadHindered(
                f"Pieces for HLS can't be made here: {what}: {error}.", "It is tried again."
            ) from error

    def _skip_known(self) -> None:
        """No playlist is put that names less than the one that may be there."""
        for entry in self._source.after(self._there):
            if entry.name not in self._known or entry.init_name not in self._known:
                break
            self._there += 1

    async def _send(self, entry: Entry) -> bool:
        """Whether it is there; False if it can't be read now."""
        if entry.init_name not in self._known:
            await self._put(entry.init_name, entry.init)
        if entry.name not in self._known:
            try:
                data = await self._source.data(entry)
            except (OSError, ValueError) as error:
                self._bear(f"piece {entry.name}", error)
                return False
            await self._put(entry.name, data)
        self._unread = 0
        return True

    async def _put(self, name: str, data: bytes) -> None:
        digest = await asyncio.to_thread(hashlib.sha256, data)
        await self._state.begins()
        verified = await self._far_end.put(_object(f"{FOLDER}/{name}", data, digest.hexdigest()))
        row = UploadedPiece(
            output_id=self._state.row.id,
            name=name,
            fallback=self._far_end.fallback,
            size_bytes=len(data),
            sha256=digest.digest(),
            verified=verified,
        )
        if not await self._pieces.add(row):
            raise OutputGone
        self._known[name] = len(data)
        self._state.forget_failures()
        await self._state.works()

    async def _publish_in_time(self) -> None:
        """The playlist of what is there, not too often. That of files which replace others comes
        when all of them is there.
        """
        is_new = self._there > self._published and not self._source.is_replaced
        if is_new and time.monotonic() - self._published_s >= self._interval_s:
            await self._publish(await self._source.view(self._there, ended=False))

    async def _publish(self, view: View) -> None:
        media = view.media.plain
        await self._far_end.put(_object(MEDIA_NAME, media))
        self._published, self._published_s = self._there, time.monotonic()
        wanted_s = max(LEAST_S, len(media) / BYTES_PER_S)
        self._interval_s = min(wanted_s, MOST_TARGETS * view.target_s)
        await self._publish_master(view)
        await self._note_playable()

    async def _publish_master(self, view: View) -> None:
        master, now_s = view.master.plain, time.monotonic()
        if master != self._master and now_s - self._master_s >= MASTER_S:
            await self._far_end.put(_object(MASTER_NAME, master))
            self._master, self._master_s = master, now_s

    async def _note_playable(self) -> None:
        location = self._far_end.location(MASTER_NAME)
        if self._state.figures.get("playlist") != location:
            self._state.figures["playlist"] = location
            await self._state.note(f"HLS can be played at {location}")

    def _count_in_time(self) -> None:
        if time.monotonic() - self._counted_s >= COUNT_S:
            self._count()

    def _count(self) -> None:
        source = self._source
        self._counted_s = time.monotonic()
        self._state.figures |= {
            "pieces": source.count,
            "pieces_uploaded": self._there,
            "piece_bytes_uploaded": sum(self._known.values()),
            "pieces_behind_s": round(source.behind_s(self._there), 1),
        }
        if source.problem is not None:
            self._state.figures["warning"] = f"No HLS of it: {source.problem}."


def _object(name: str, data: bytes, sha256: str | None = None) -> InMemory:
    return InMemory(
        key=name,
        data=data,
        sha256=sha256 or hashlib.sha256(data).hexdigest(),
        content_type=media_type(name),
    )
