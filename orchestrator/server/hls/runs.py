"""A recording's segments as HLS has them, wherever their media are now. Blocking."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from orchestrator.catalog.models import File, Segment
from orchestrator.fragments.fragment import NotFragmented
from orchestrator.hls.codecs import playable
from orchestrator.hls.pieces import Piece
from orchestrator.hls.run import SegmentRun, container_of
from orchestrator.hls.saved import unpacked
from orchestrator.server.hls.rows import Rows

QUIET_S: Final = 3.0
"""A segment that another one follows has ended when its file hasn't grown for so long, whatever
became of its worker."""


class Runs:
    """Of one recording, in order. For one thread at a time."""

    def __init__(self) -> None:
        self.listed: list[SegmentRun] = []
        """Those that have a header; only the last one may still grow."""
        self._known: dict[int, SegmentRun] = {}
        self._quiet: dict[int, tuple[int, float]] = {}
        """Size of a segment's file, and since when it has it."""
        self.problem: str | None = None
        """Why there is no HLS of it."""

    def look(self, rows: Rows) -> None:
        """Brings all of them up to date."""
        listed: list[SegmentRun] = []
        derived: set[int] = set()
        for row in rows.segments:
            if row.part in derived:
                continue
            run = self._of(row, rows)
            if run is None:
                if self._is_over(row, rows):
                    continue
                break
            if not run.ended and run.problem is None:
                run.poll(last=self._is_over(row, rows))
            self.problem = self.problem or run.problem
            if run.pieces or run.init:
                listed.append(run)
            if run.final_whole:
                derived.add(row.part)
            if not run.ended:
                break
        self.listed = listed

    def data(self, run: SegmentRun, piece: Piece, rows: Rows) -> bytes:
        """A piece's bytes. FileNotFoundError if its media aren't anywhere any more; OSError;
        ValueError if they can't be read.
        """
        row = next((each for each in rows.segments if each.number == run.number), None)
        file = rows.files.get(row.part) if row else None
        lone = sum(each.part == row.part for each in rows.segments) == 1 if row else False
        places = [run.path, *([Path(file.path)] if file and lone else [])]
        if piece.fragments:
            for path in places:
                with suppress(FileNotFoundError, NotFragmented):
                    return run.data(piece, path)
        if file is None:
            raise FileNotFoundError(f"the media of segment {run.number} aren't there")
        from orchestrator.hls import final_file

        shift_s = run.offset_s - file.offset_s
        return final_file.data_of(Path(file.path), run.init, piece, shift_s)

    def _of(self, row: Segment, rows: Rows) -> SegmentRun | None:
        known, file = self._known.get(row.number), rows.files.get(row.part)
        if known is not None and (known.ended or known.problem or known.path.exists()):
            return known
        found = self._found(row, file, rows)
        if found is not None:
            self._known[row.number] = found
        return found

    def _found(self, row: Segment, file: File | None, rows: Rows) -> SegmentRun | None:
        """As long as the segment is there, of it; else as it was saved, else of the final file."""
        copied = rows.recording.tracks is not None
        path = Path(row.path)
        if (container := container_of(path)) is not None:
            return SegmentRun(row.number, path, container, row.offset_s, copied)
        if file is None:
            return None
        if (saved := rows.saved.get(row.number)) is not None:
            with suppress(ValueError):
                return _known_run(row, path, saved.init, unpacked(saved.pieces), copied=copied)
        final = Path(file.path)
        of_part = [each for each in rows.segments if each.part == row.part and each.end_s]
        container = container_of(final)
        if len(of_part) <= 1 and container is not None:
            run = SegmentRun(row.number, final, container, row.offset_s, copied)
            run.poll(last=True)
            if run.pieces or run.problem:
                return run
        return _derived_run(row, file, copied=copied)

    def _is_over(self, row: Segment, rows: Rows) -> bool:
        """Whether nothing more is written into a segment."""
        if row.outcome is not None or not rows.runs:
            return True
        if row.number == rows.segments[-1].number:
            return False
        size, now = _size(Path(row.path)), time.monotonic()
        known = self._quiet.get(row.number)
        if known is None or known[0] != size:
            self._quiet[row.number] = known = (size, now)
        return now - known[1] > QUIET_S


def _known_run(
    row: Segment, path: Path, init: bytes, pieces: list[Piece], *, copied: bool
) -> SegmentRun:
    run = SegmentRun(row.number, path, "mp4", row.offset_s, copied)
    run.init, run.codecs, run.pieces, run.ended = init, playable(init), pieces, True
    return run


def _derived_run(row: Segment, file: File, *, copied: bool) -> SegmentRun | None:
    """Of a whole final file, instead of its segments."""
    from orchestrator.hls import final_file

    path = Path(file.path)
    try:
        init, pieces = final_file.derived(path)
        run = _known_run(row, path, init, pieces, copied=copied)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        run = SegmentRun(row.number, path, "mp4", file.offset_s, copied)
        run.problem = str(error)
    run.offset_s, run.final_whole = file.offset_s, True
    return run


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1
