"""HLS of one recording: brought up to date when it is asked for, for all who watch at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from orchestrator.catalog.store import Catalog
from orchestrator.errors import HlsImpossible, HlsNotReady, InvalidRequest, NotFound, Unavailable
from orchestrator.hls.run import SegmentRun
from orchestrator.recordings.hls.rows import Rows, read
from orchestrator.recordings.hls.runs import Runs
from orchestrator.recordings.hls.view import View, Views
from orchestrator.recordings.states import RecordingState
from orchestrator.server.hls.piece_makers import PieceMakers
from orchestrator.transcoding.threads import to_its_end

LOOK_S: Final = 0.25
"""How old what is known of the segments may be when a playlist is asked for."""
LOW_LATENCY_LOOK_S: Final = 0.05
"""The same of a recording with parts, while somebody waits for the next one."""
ROWS_S: Final = 1.0
"""How old what is known of the catalog may be."""
REST_S: Final = 0.2
"""How long nobody looks for the next part behind one: they come a third of a second apart."""
READY_S: Final = 6.0
"""How long a playlist waits for a recording's first piece."""
RELOAD_TARGETS: Final = 3
"""How long one waits for what was asked for, in target durations (rfc8216bis §6.2.5.2)."""
MOST_AHEAD: Final = 2
"""Pieces that may be asked for before they are begun (§6.2.5.2 wants an error for more)."""
MOST_WAITING: Final = 500
"""Requests that wait for one recording."""
ENDED_S: Final = 30.0
"""The same of a recording that has ended: its files may be encoded again, or deleted."""
MOVED_S: Final = 0.25
"""Between a worker that moves a file and its row in the catalog."""
MOVED_FOR_S: Final = 5.0
"""As long a file that can't be read counts as one that is being moved."""


class RecordingHls:
    """One recording's; made when it is asked for first."""

    def __init__(self, catalog: Catalog, id: str, makers: PieceMakers) -> None:
        self._catalog, self.id, self._makers = catalog, id, makers
        self._rows: Rows | None = None
        self._runs, self._views = Runs(), Views()
        self._view: View | None = None
        self._replaced: dict[int, int] = {}
        """How often encodes took the place of its files, by part."""
        self._rows_at = self._looked_at = self._read_at = self._changed_at = -1e9
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._told: tuple[Any, ...] = ()
        """What was known when those who wait were woken last."""
        self._follower: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self.asked_at = time.monotonic()
        """When it was asked for last."""

    async def view(self) -> View:
        """The playlists; of one that just begins when there is something in them.

        RecordingNotFound, HlsNotReady, HlsImpossible, Unavailable.
        """
        if (view := await self._current()) is None:
            await self._wait(lambda: self._view is not None, READY_S)
            view = await self._current()
        if view is None:
            raise HlsNotReady(self.id)
        return view

    async def current(self) -> View:
        """As `view`, but doesn't wait."""
        if (view := await self._current()) is None:
            raise HlsNotReady(self.id)
        return view

    async def view_with(self, piece: int, part: int | None) -> View:
        """As `view`, when the playlist has this piece, or part of it, or has ended.

        InvalidRequest if that is too far ahead. After a few target durations HlsNotReady, or the
        view as it is of a recording that pauses or reconnects.
        """
        view = await self.view()
        if piece > view.pieces + MOST_AHEAD:
            raise InvalidRequest(
                f"Piece {piece} is far ahead: the playlist ends at {view.pieces}.",
                "Ask for the next one.",
                field="_HLS_msn",
            )
        has = partial(self._has, piece, part)
        target_s = view.target_s
        came = has() or await self._wait(has, RELOAD_TARGETS * target_s)
        # While it pauses or reconnects nothing new is coming.
        if not came and (await self._look(LOOK_S)).recording.state == RecordingState.RECORDING:
            raise HlsNotReady(self.id, piece)
        return await self.view()

    async def require(self) -> None:
        """RecordingNotFound if it was deleted; as the catalog had it a moment ago."""
        await self._look(ENDED_S)

    async def wait_for_part(self, name: str, piece: int, part: int) -> None:
        """Returns when a part is there that was announced as the next one, or isn't coming."""

        def is_there() -> bool:
            run = next((each for each in self._runs.listed if each.name == name), None)
            if run is None or self._view is None or not self._view.low_latency:
                return True
            later = run.open_number > piece or run.ended
            awaited = run.open_number == piece and len(run.open) == part
            return later or not awaited

        await self._look(LOOK_S)
        if not is_there():
            await self._wait(is_there, READY_S)

    def _has(self, piece: int, part: int | None) -> bool:
        view = self._view
        if view is None:
            return False
        reached = piece < view.pieces
        if part is not None:
            reached = reached or (piece == view.pieces and part < view.parts)
        return reached or view.ended or not view.low_latency

    async def _current(self) -> View | None:
        rows = await self._look(LOOK_S)
        if self._runs.problem is not None:
            raise HlsImpossible(self.id, self._runs.problem)
        if self._view is None and not rows.runs:
            raise HlsImpossible(self.id, "it has no media that can be read")
        return self._view

    async def _wait(self, is_there: Callable[[], bool], timeout_s: float) -> bool:
        """Whether it came in time; one task looks for all who wait."""
        if self._waiting >= MOST_WAITING:
            return is_there()
        self._waiting += 1
        if self._follower is None or self._follower.done():
            self._follower = asyncio.create_task(self._follow())
        follower = self._follower
        try:
            async with asyncio.timeout(timeout_s):
                while not is_there() and not follower.done():
                    await self._news.wait()
        except TimeoutError:
            return is_there()
        finally:
            self._waiting -= 1
        if follower.done() and not follower.cancelled():
            follower.result()
        return is_there()

    async def _follow(self) -> None:
        """Looks while somebody waits."""
        try:
            while self._waiting:
                await asyncio.sleep(self._rest_s())
                await self._look(LOW_LATENCY_LOOK_S / 2)
                if (known := self._known()) != self._told:
                    self._told, self._changed_at = known, time.monotonic()
                    self._tell()
                if self._runs.problem or (self._rows and not self._rows.runs):
                    return
        finally:
            self._tell()

    def _rest_s(self) -> float:
        """Until the next look."""
        if self._view is None or not self._view.low_latency:
            return LOW_LATENCY_LOOK_S
        return max(LOW_LATENCY_LOOK_S, self._changed_at + REST_S - time.monotonic())

    def _known(self) -> tuple[Any, ...]:
        """What those who wait look at."""
        runs = [
            (run.number, run.open_number, len(run.open), run.ended) for run in self._runs.listed
        ]
        return self._view, runs

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def init(self, name: str, header: int) -> bytes:
        """A header of a segment; NotFound."""
        run = await self._run(name, lambda run: header < len(run.inits))
        return run.inits[header]

    async def piece(self, name: str, piece: int) -> bytes:
        """A piece's bytes; NotFound, Unavailable."""
        return await self._twice(f"piece {name}/{piece}", partial(self._piece, name, piece))

    async def part(self, name: str, piece: int, part: int) -> bytes:
        """A part's bytes; NotFound."""
        read = partial(self._part, name, piece, part)
        return await self._twice(f"part {name}/{piece}.{part}", read)

    async def _twice(self, what: str, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """What it reads; where the file isn't there it is looked for once more."""
        try:
            return await read()
        except (OSError, ValueError) as error:
            self._gone(what, error)
            await asyncio.sleep(MOVED_S)
        try:
            return await read()
        except (OSError, ValueError) as error:
            raise self._gone(what, error) from error

    async def _piece(self, name: str, piece: int) -> bytes:
        run = await self._run(name, lambda run: piece < len(run.pieces))
        if self._rows is None:
            raise NotFound(f"Recording {self.id} has no piece {name}/{piece}")
        work = partial(self._runs.data, run, run.pieces[piece], self._rows)
        if run.is_range(run.pieces[piece]):
            return await asyncio.to_thread(work)
        return await self._makers.make(work)

    async def _part(self, name: str, piece: int, part: int) -> bytes:
        run = await self._run(name, lambda run: run.has_part(piece, part))
        whole = piece < len(run.pieces)
        fragment = (run.pieces[piece].fragments if whole else run.open)[part]
        rows = await self._look(ENDED_S)
        return await asyncio.to_thread(self._runs.part, run, fragment, rows)

    async def _run(self, name: str, has: Callable[[SegmentRun], bool]) -> SegmentRun:
        for within_s in (ENDED_S, LOOK_S):
            await self._look(within_s)
            for run in self._runs.listed:
                if run.name == name and has(run):
                    return run
        raise NotFound(
            f"Recording {self.id} has no such piece", "The playlist names those that there are."
        )

    def _gone(self, what: str, error: Exception) -> NotFound:
        self._rows_at = self._looked_at = -1e9
        return NotFound(
            f"{what} of recording {self.id} can't be read: {error}",
            "Its file was moved, deleted or replaced.",
        )

    async def _look(self, within_s: float) -> Rows:
        self.asked_at = time.monotonic()
        if self._rows is not None and self.asked_at - self._looked_at <= self._old_s(within_s):
            return self._rows
        async with self._lock:
            began = time.monotonic()
            if self._rows is not None and began - self._looked_at <= self._old_s(within_s):
                return self._rows
            keep_s = ENDED_S if self._view is not None and self._view.ended else ROWS_S
            if self._rows is None or began - self._rows_at > keep_s:
                self._rows, self._rows_at = await read(self._catalog, self.id), began
            try:
                await to_its_end(self._refresh, self._rows)  # the lock is held as long
            except (OSError, ValueError) as error:
                if self._view is not None and began - self._read_at < MOVED_FOR_S:
                    return self._rows  # what is listed stays
                raise Unavailable(
                    f"The media of recording {self.id} can't be read: {error}",
                    "The recording itself is not affected; try again in a moment.",
                    retry_after_s=1.0,
                ) from error
            self._looked_at = self._read_at = began
            return self._rows

    def _old_s(self, within_s: float) -> float:
        return ENDED_S if self._view is not None and self._view.ended else within_s

    def _refresh(self, rows: Rows) -> None:
        replaced = {part: file.replaced for part, file in rows.files.items() if file.replaced}
        if replaced != self._replaced:  # their pieces are others
            self._replaced, self._view = replaced, None
            self._runs, self._views = Runs(), Views()
        before, view = self._figures(), self._view
        self._runs.look(rows)
        listed = self._runs.listed
        ended = not rows.runs and all(run.ended for run in listed)
        if not any(run.pieces for run in listed):
            return
        if view is None or view.ended != ended or before != self._figures():
            self._view = self._views.make(rows, listed, ended=ended)

    def _figures(self) -> list[tuple[int, int, int]]:
        """What the playlist has of each segment; a piece that isn't whole only with parts."""
        parts = self._view is None or self._view.low_latency
        return [
            (run.number, len(run.pieces), len(run.open) if parts else 0)
            for run in self._runs.listed
        ]
