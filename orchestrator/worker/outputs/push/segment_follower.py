"""Follows a recording's segments while they grow: fragment by fragment, on its clock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.fragments.fragment import Container, Fragment
from orchestrator.fragments.reader import FragmentReader
from orchestrator.worker.segments.listed_segments import ListedSegments
from orchestrator.worker.segments.segment_positions import read_position

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
        """The next piece; None if there is none yet."""
        self._look()
        self._catch_up()
        if self._file is None or not self._pending:
            return None
        fragment = self._pending.popleft()
        data = self._file.reader.read(fragment)
        offset_s = self._file.offset_s
        return Piece(
            self._file.reader.header,
            data,
            self._container,
            offset_s,
            offset_s + fragment.begin_s,
            offset_s + fragment.end_s,
            fragment.independent,
        )

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
            ended = self._file.path not in self._growing()
            self._pending.extend(self._file.reader.poll(last=ended))
            if self._pending or not (ended or self._file.reader.ended):
                return
            self._leave(self._file.path)
        if self._file is not None:
            ended = self._file.path not in self._growing()
            self._pending.extend(self._file.reader.poll(last=ended))

    def _open_next(self) -> bool:
        for path in self._listed():
            position = read_position(path)
            try:
                if position is not None:
                    self._file = _OpenFile(path, position.offset_s, self._container)
                    return True
            except FileNotFoundError:
                pass
            if path in self._growing():
                return False  # it is about to begin
            self._done.add(path)
        return False

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

    def close(self) -> None:
        os.close(self._descriptor)
