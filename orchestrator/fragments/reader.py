"""Reads a segment file while it grows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from orchestrator.fragments.fragment import Container, Fragment, NotFragmented, SegmentReplaced
from orchestrator.fragments.matroska_reader import MatroskaReader
from orchestrator.fragments.mp4_boxes import head, relative
from orchestrator.fragments.mp4_reader import Mp4Reader

MOST_FRAGMENTS: Final = 1000
"""Of one `poll`; ask again for more."""


class FragmentReader:
    """The fragments of one segment file, each given once. Blocking, for one thread at a time.

    It keeps positions, not media, and has the file open only while it reads.
    """

    def __init__(self, path: Path, container: Container) -> None:
        self.path, self.container = path, container
        self._positions = Mp4Reader() if container == "mp4" else MatroskaReader()
        self._identity: tuple[int, int] | None = None

    @property
    def header(self) -> bytes:
        """What a decoder needs before any fragment: `ftyp` and `moov`, or all before the first
        cluster. Empty until the file has it. Matroska's may change, as tracks are added.
        """
        return self._positions.header

    @property
    def videos(self) -> int:
        """Tracks of video in Matroska's header now; 0 of MP4, where it isn't looked up."""
        if not isinstance(self._positions, MatroskaReader):
            return 0
        return sum(kind == "video" for kind in self._positions.tracks.values())

    @property
    def keyframe_s(self) -> float | None:
        """Where the fragment of Matroska begins that will be given next, in seconds of the file, if
        its first frame of video is there and is a keyframe; None of MP4.
        """
        if not isinstance(self._positions, MatroskaReader):
            return None
        return self._positions.keyframe_s

    @property
    def ended(self) -> bool:
        """Whether the file has been closed and all of it was given."""
        return self._positions.ended

    def poll(self, *, last: bool = False, most: int = MOST_FRAGMENTS) -> list[Fragment]:
        """Fragments that have become whole since the last call.

        `last`: nothing will be written any more; of Matroska what there is of the last one is given
        too. FileNotFoundError before the file is there; other OSError; SegmentReplaced;
        NotFragmented if the file is damaged behind what was given.
        """
        found: list[Fragment] = []
        with self._opened() as (file, size):
            if isinstance(self._positions, MatroskaReader):  # before what its new tracks have
                self._positions.refresh(file)
            while len(found) < most:
                fragment = self._positions.next(file, size, last=last)
                if fragment is None:
                    break
                found.append(fragment)
        return found

    def read(self, fragment: Fragment, path: Path | None = None) -> bytes:
        """A fragment's bytes, which behind `header` are a file by themselves.

        `path`: where the file lies now if it was renamed. Of MP4 positions count from the `moof`;
        its index may have been moved to the beginning meanwhile. OSError; NotFragmented if the
        fragment isn't there any more.
        """
        file = os.open(path or self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return read_fragment(file, fragment, self.container)
        finally:
            os.close(file)

    @contextmanager
    def _opened(self) -> Iterator[tuple[int, int]]:
        file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            status = os.fstat(file)
            identity = status.st_dev, status.st_ino
            if self._identity not in (None, identity) or status.st_size < self._positions.at:
                raise SegmentReplaced(f"{self.path} was replaced by another file")
            self._identity = identity
            yield file, status.st_size
        finally:
            os.close(file)


def read_fragment(file: int, fragment: Fragment, container: Container) -> bytes:
    """As `FragmentReader.read`, of an open file."""
    data = os.pread(file, fragment.length, fragment.offset)
    if container != "mp4":
        if len(data) < fragment.length:
            raise NotFragmented("the file ends within a fragment")
        return fragment.prefix + data
    if not _is_fragment(data, fragment.length):
        data = os.pread(file, fragment.length, fragment.offset + _moved_bytes(file))
        if not _is_fragment(data, fragment.length):
            raise NotFragmented("the fragment isn't where it was")
    return relative(data)


def _is_fragment(data: bytes, length: int) -> bool:
    """Whether it is a `moof` and its `mdat`, of this length together."""
    first = _head(data)
    if first is None or first[0] != b"moof" or len(data) != length:
        return False
    second = _head(data[first[2] : first[2] + 16])
    return second is not None and second[0] == b"mdat" and first[2] + second[2] == length


def _head(data: bytes) -> tuple[bytes, int, int] | None:
    try:
        return head(data[:16])
    except NotFragmented:
        return None


def _moved_bytes(file: int) -> int:
    """How far `encoding.joining.fast_start` has moved the media of a closed file."""
    positions = Mp4Reader()
    positions.next(file, os.fstat(file).st_size, last=True)
    return positions.moved_bytes
