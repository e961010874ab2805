"""Follows a recording's segments while they grow: fragment by fragment, on its clock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from orchestrator.fragments.fragment import Container, Fragment, SegmentReplaced
from orchestrator.fragments.reader import FragmentReader
from orchestrator.worker.segments.listed_segments import ListedSegments
from orchestrator.worker.segments.segment_positions import read_position

log = structlog.get_logger(__name__)

MOST_BEHIND_S: Final = 10.0
"""How far a push may be behind what is recorded: then it goes on with a newer keyframe."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One fragment with all that is needed to send it."""

    header: bytes
    data: bytes
    container: Container
    offset_s: float
    """Where its segment's zero is on the recording's clock."""
    begin_s: float
    """On the recording's clock."""
    end_s: float
    independent: bool


class SegmentFollower:
    """Gives pieces in order. Blocking, for one thread at a time.

    It keeps positions only, so it holds nothing back and nothing in memory, however far it is
    behind.
    """

    def __init__(self, segments: Callable[[], ListedSegments | None], container: Container) -> None:
        self._segments, self._container = segments, container
        self._file: _OpenFile | None = None
        self._done: set[Path] = set()
        """Segments that were given, or left out."""
        self._pending: deque[Fragment] = deque()
        self._warned = ""
        self.skips, self.skipped_s = 0, 0.0
        """How often, and how much was left out as the other side was too slow."""

    def newest(self) -> None:
        """Goes to the newest place from which a decoder can begin."""
        listed = self._listed()
        for path in listed[:-1]:
            self._leave(path)
        self._pending.clear()
        self._look()
        self._drop_to_newest()

    def next(self) -> Piece | None:
        """The next piece; None if there is none yet. What can't be read is left out."""
        while True:
            self._look()
            self._catch_up()
            if self._file is None or not self._pending:
                return None
            fragment = self._pending.popleft()
            try:
                data = self._file.reader.read(fragment)
            except (OSError, ValueError) as error:
                self._warn("a fragment is not pushed", self._file.path, error)
                continue
            return self._file.piece(fragment, data)

    @property
    def ready_s(self) -> float:
        """How much is there and was not given yet."""
        return self._pending[-1].end_s - self._pending[0].begin_s if self._pending else 0.0

    def close(self) -> None:
        """Closes what is open."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _look(self) -> None:
        while not self._pending:
            if self._file is None and not self._open_next():
                return
            assert self._file is not None
            if self._grows(self._file) or self._pending:
                return
            self._leave(self._file.path)
        if self._file is not None:
            self._grows(self._file)

    def _grows(self, file: _OpenFile) -> bool:
        """Takes what has become whole of a file; whether more may come."""
        ended = file.path not in self._growing()
        try:
            self._pending.extend(file.reader.poll(last=ended))
        except (OSError, ValueError) as error:
            passing = isinstance(error, OSError) and not isinstance(error, SegmentReplaced)
            more = passing and not ended
            if not self._pending:
                what = "can't be read now" if more else "is pushed no further"
                self._warn(f"a segment {what}", file.path, error)
            return more
        return not (ended or file.reader.ended)

    def _open_next(self) -> bool:
        for path in self._listed():
            position = read_position(path)
            try:
                if position is not None:
                    self._file = _OpenFile(path, position.offset_s, self._container)
                    return True
            except FileNotFoundError:
                pass
            except OSError as error:
                self._warn("a segment can't be opened", path, error)
            if path in self._growing():
                return False  # it is about to begin
            self._done.add(path)
        return False

    def _warn(self, what: str, path: Path, error: Exception) -> None:
        """Once: it is looked for ten times a second."""
        if (line := f"{what}: {path.name}: {error!r}") != self._warned:
            log.warning(what, segment=path.name, error=repr(error))
        self._warned = line

    def _leave(self, path: Path) -> None:
        self._done.add(path)
        if self._file is not None and self._file.path == path:
            self.close()

    def _listed(self) -> list[Path]:
        segments = self._segments()
        listed = [] if segments is None else list(segments.files)
        return [path for _, path in listed if path not in self._done]

    def _growing(self) -> frozenset[Path]:
        segments = self._segments()
        return frozenset() if segments is None else segments.growing()

    def _catch_up(self) -> None:
        behind_s = self.ready_s
        if behind_s < MOST_BEHIND_S:
            return
        self._drop_to_newest()
        if (skipped_s := behind_s - self.ready_s) > 0:
            self.skips += 1
            self.skipped_s += skipped_s

    def _drop_to_newest(self) -> None:
        kept: deque[Fragment] = deque()
        while self._pending:
            kept.appendleft(self._pending.pop())
            if kept[0].independent:
                self._pending = kept
                return
        # No place to begin at yet: what follows may have one.
        self._pending = deque()


class _OpenFile:
    """A segment's file, kept open: it is still the same once it has another name."""

    def __init__(self, path: Path, offset_s: float, container: Container) -> None:
        self.path, self.offset_s = path, offset_s
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.reader = FragmentReader(Path(f"/dev/fd/{self._descriptor}"), container)

    def piece(self, fragment: Fragment, data: bytes) -> Piece:
        return Piece(
            self.reader.header,
            data,
            self.reader.container,
            self.offset_s,
            self.offset_s + fragment.begin_s,
            self.offset_s + fragment.end_s,
            fragment.independent,
        )

    def close(self) -> None:
        os.close(self._descriptor)
