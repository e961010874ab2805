"""A recording's segments as HLS has them, wherever their media are now. Blocking."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from orchestrator.catalog.hls_runs.model import HlsRun
from orchestrator.catalog.models import File, Segment
from orchestrator.fragments.fragment import Fragment, NotFragmented
from orchestrator.hls.codecs import playable
from orchestrator.hls.pieces import Piece
from orchestrator.hls.run import SegmentRun, container_of
from orchestrator.hls.saved import headers, unpacked
from orchestrator.recordings.hls.rows import Rows

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
        self._identities: dict[int, tuple[int, int]] = {}
        """Inode and size of the final files that are read, by part."""

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
            if not run.ended and run.problem is None and run.path.exists():
                run.poll(last=self._is_over(row, rows))
            self.problem = self.problem or run.problem
            if run.pieces or run.inits:
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
        places, file = self._places(run, rows)
        if piece.fragments:
            for path in places:
                with suppress(FileNotFoundError, NotFragmented):
                    return run.data(piece, path)
        if file is None:
            raise FileNotFoundError(f"the media of segment {run.number} aren't there")
        from orchestrator.hls import final_file

        shift_s = run.offset_s - file.offset_s
        init, path, number = run.inits[piece.header], Path(file.path), piece.number
        return final_file.data_of(path, init, run.pieces, number, shift_s, silence=run.copied)

    def part(self, run: SegmentRun, fragment: Fragment, rows: Rows) -> bytes:
        """The bytes of one fragment of MP4; FileNotFoundError, OSError."""
        for path in self._places(run, rows)[0]:
            with suppress(FileNotFoundError, NotFragmented):
                return run.part((fragment,), path)
        raise FileNotFoundError(f"the part of segment {run.number} isn't there")

    def _places(self, run: SegmentRun, rows: Rows) -> tuple[list[Path], File | None]:
        """Where its fragments may be, and the final file with its media."""
        row = next((each for each in rows.segments if each.number == run.number), None)
        file = rows.files.get(row.part) if row else None
        lone = row is not None and _written(rows, row.part) == [row]
        if file is not None and (run.path == Path(file.path) or not run.path.exists()):
            self._require_same(file)
        return [run.path, *([Path(file.path)] if file and lone else [])], file

    def _require_same(self, file: File) -> None:
        """FileNotFoundError if it isn't the file that was read before: it is being replaced."""
        status = os.stat(file.path)
        found = status.st_ino, status.st_size
        if self._identities.setdefault(file.number, found) != found:
            raise FileNotFoundError(f"{file.path} was replaced by another file")

    def _of(self, row: Segment, rows: Rows) -> SegmentRun | None:
        known, file = self._known.get(row.number), rows.files.get(row.part)
        if known is not None and (known.ended or known.problem or known.path.exists()):
            return known
        found = self._found(row, file, rows)
        if found is not None:
            self._known[row.number] = found
        # A worker moves the file first and says so then: meanwhile what was listed stays.
        return found or (known if file is None else None)

    def _found(self, row: Segment, file: File | None, rows: Rows) -> SegmentRun | None:
        """As long as the segment is there, of it; else as it was saved, else of the final file,
        for one of the segments of which that was made.
        """
        replaced = file is not None and file.replaced > 0
        path, copied = Path(row.path), rows.recording.tracks is not None
        if not replaced and (container := container_of(path)) is not None:
            if not self._is_placed(row, rows):
                return None
            return SegmentRun(row.number, path, container, row.offset_s, copied)
        saved = {} if replaced else rows.saved
        if file is None or _is_elsewhere(row, rows, saved):
            return None
        self._identities.pop(file.number, None)
        with suppress(OSError):
            self._require_same(file)
        with suppress(ValueError):
            if (own := saved.get(row.number)) is not None:
                inits, pieces = headers(own.init), unpacked(own.pieces)
                return _known_run(row, path, inits, pieces, copied=copied)
        lone = not replaced and len(_written(rows, row.part)) == 1
        run = _lone_run(row, file, copied=copied) if lone else None
        return run or _derived_run(row, file, copied=copied)

    def _is_placed(self, row: Segment, rows: Rows) -> bool:
        """Whether its row says where it begins: a later one's does once a frame was written."""
        return row is rows.segments[0] or row.end_s is not None or self._is_over(row, rows)

    def _is_over(self, row: Segment, rows: Rows) -> bool:
        """Whether nothing more is written into a segment."""
        if row.outcome is not None or not rows.runs:
            return True
        if row.number == rows.segments[-1].number:
            return False
        (size, still_s), now = _size(Path(row.path)), time.monotonic()
        known = self._quiet.get(row.number)
        if known is None:  # a server that was started anew doesn't wait once more
            self._quiet[row.number] = known = (size, now - still_s)
        elif known[0] != size:
            self._quiet[row.number] = known = (size, now)
        return now - known[1] > QUIET_S


def _is_elsewhere(row: Segment, rows: Rows, saved: Mapping[int, HlsRun]) -> bool:
    """Whether its part's final file is had as HLS of other segments: it has nothing of its own."""
    if row.number in saved:
        return False
    if any(segment.number in saved for segment in _of_part(rows, row.part)):
        return True
    return row not in _written(rows, row.part)


def _of_part(rows: Rows, part: int) -> list[Segment]:
    return [segment for segment in rows.segments if segment.part == part]


def _written(rows: Rows, part: int) -> list[Segment]:
    """The segments of which a final file was made: the others' ffmpeg wrote nothing."""
    of_part = _of_part(rows, part)
    return [segment for segment in of_part if segment.end_s] or of_part


def _known_run(
    row: Segment, path: Path, inits: list[bytes], pieces: list[Piece], *, copied: bool
) -> SegmentRun:
    run = SegmentRun(row.number, path, "mp4", row.offset_s, copied)
    run.inits, run.codecs, run.pieces, run.ended = inits, playable(inits[-1]), pieces, True
    return run


def _lone_run(row: Segment, file: File, *, copied: bool) -> SegmentRun | None:
    """Of a final file that is the segment itself, as far as can be told."""
    path = Path(file.path)
    if (container := container_of(path)) is None:
        return None
    run = SegmentRun(row.number, path, container, row.offset_s, copied)
    run.poll(last=True)
    return run if run.pieces or run.problem else None


def _derived_run(row: Segment, file: File, *, copied: bool) -> SegmentRun | None:
    """Of a whole final file, instead of its segments."""
    from orchestrator.hls import final_file

    path = Path(file.path)
    try:
        init, pieces = final_file.derived(path, copied=copied)
        run = _known_run(row, path, [init], pieces, copied=copied)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        run = SegmentRun(row.number, path, "mp4", file.offset_s, copied)
        run.problem = str(error)
    run.offset_s, run.final_whole, run.version = file.offset_s, True, file.replaced
    return run


def _size(path: Path) -> tuple[int, float]:
    """Of a file, and for how long it has had it."""
    try:
        status = os.stat(path)
    except OSError:
        return -1, 0.0
    return status.st_size, max(0.0, time.time() - status.st_mtime)
