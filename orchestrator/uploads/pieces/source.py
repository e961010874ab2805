"""The pieces of one recording, as far as they are whole, and playlists of some of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from orchestrator.catalog.store import Catalog
from orchestrator.hls.pieces import Piece
from orchestrator.hls.run import SegmentRun
from orchestrator.recordings.hls.rows import Rows, read
from orchestrator.recordings.hls.runs import Runs
from orchestrator.recordings.hls.view import View, Views, init_uri, piece_uri


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece of a playlist."""

    run: SegmentRun
    piece: Piece

    @property
    def name(self) -> str:
        """Below hls/."""
        return piece_uri(self.run, self.piece)

    @property
    def init_name(self) -> str:
        """That of its header."""
        return init_uri(self.run, self.piece.header)

    @property
    def init(self) -> bytes:
        """Its header."""
        return self.run.inits[self.piece.header]


class PieceSource:
    """Of a recording that runs, or has ended. What is known grows with each `look`."""

    def __init__(self, catalog: Catalog, recording_id: str, sizes: Mapping[str, int]) -> None:
        """`sizes`: bytes by name of what is at the target, from which rates are computed."""
        self._catalog, self._id, self._sizes = catalog, recording_id, sizes
        self._rows: Rows | None = None
        self._replaced: dict[int, int] = {}
        self._runs, self._views = Runs(), Views(sizes)
        self.generation = 0
        """Another one when an encode has taken the place of the files: all pieces are others."""

    async def look(self) -> None:
        """Brings it up to date. RecordingNotFound; OSError, ValueError: not readable now."""
        rows = replace(await read(self._catalog, self._id), outputs=())
        await asyncio.to_thread(self._look, rows)

    def _look(self, rows: Rows) -> None:
        self._rows = rows
        replaced = {part: file.replaced for part, file in rows.files.items() if file.replaced}
        if replaced != self._replaced:
            self._replaced, self.generation = replaced, self.generation + 1
            self._runs, self._views = Runs(), Views(self._sizes)
        self._runs.look(rows)

    @property
    def is_over(self) -> bool:
        """Whether no piece will come any more."""
        if self._rows is None or self._rows.runs:
            return False
        return self.problem is not None or all(run.ended for run in self._runs.listed)

    @property
    def problem(self) -> str | None:
        """Why there are none, or no more of them."""
        return self._runs.problem

    @property
    def is_replaced(self) -> bool:
        """Whether an encode took the place of a file."""
        return bool(self._replaced)

    @property
    def count(self) -> int:
        """Pieces that are whole."""
        return sum(len(run.pieces) for run in self._runs.listed)

    def after(self, count: int) -> Iterator[Entry]:
        """The pieces behind so many."""
        for run in list(self._runs.listed):
            yield from (Entry(run, piece) for piece in run.pieces[count:])
            count = max(0, count - len(run.pieces))

    def behind_s(self, count: int) -> float:
        """How much media the pieces behind so many hold, in seconds."""
        return sum(entry.piece.length_s for entry in self.after(count))

    async def data(self, entry: Entry) -> bytes:
        """A piece's bytes. OSError, ValueError."""
        assert self._rows is not None
        return await asyncio.to_thread(self._runs.data, entry.run, entry.piece, self._rows)

    async def view(self, count: int, *, ended: bool) -> View:
        """Playlists of the first pieces; those that were in one before have to be in it."""
        return await asyncio.to_thread(self._view, count, ended=ended)

    def _view(self, count: int, *, ended: bool) -> View:
        assert self._rows is not None
        view = self._views.make(self._rows, self._runs.listed, ended=ended, most=count)
        self._strip(count)
        return view

    def _strip(self, count: int) -> None:
        """Where the media of the first pieces lie isn't needed any more, and takes memory."""
        for run in self._runs.listed:
            for at in range(min(count, len(run.pieces)) - 1, -1, -1):
                if not run.pieces[at].fragments:
                    break
                run.pieces[at] = replace(run.pieces[at], fragments=(), around=())
            count = max(0, count - len(run.pieces))
