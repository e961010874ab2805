"""Follows fragmented MP4 while it grows, and once `hybrid_fragmented` has closed it.

`hybrid_fragmented` begins a file with ``ftyp free free{ftyp} moov`` and fragments. When it is
closed, an index (`moov`) follows at its end, and the second `free` becomes the head of one `mdat`
around all that was written; the bytes inside stay. `fast_start` then may move all of it.
"""

from __future__ import annotations

import os
from typing import Final

from orchestrator.fragments.fragment import (
    LONGEST_FRAGMENT,
    LONGEST_HEADER,
    LONGEST_INDEX,
    Fragment,
    NotFragmented,
)
from orchestrator.fragments.mp4_boxes import Mp4Track, Run, head, runs, tracks

_AHEAD_BYTES: Final = 4096
"""Read at once where a `moof` may stand: most are shorter."""
_MOST_BOXES: Final = 64
"""Before the first fragment."""
_RESERVED_BYTES: Final = 16
"""Between the two `ftyp` of `hybrid_fragmented`: for the head of an `mdat`, in 64 bits too."""


class Mp4Reader:
    """Positions in one file; given its descriptor at each call."""

    def __init__(self) -> None:
        self.header = b""
        """`ftyp` and `moov`; empty until they are whole."""
        self.at = 0
        self.ended = False
        """Nothing follows: the file was closed."""
        self.moved_bytes = 0
        """How far what `hybrid_fragmented` wrote lies from where it wrote it (`fast_start`)."""
        self._tracks: dict[int, Mp4Track] = {}
        self._number = 0

    def next(self, file: int, size: int, *, last: bool) -> Fragment | None:
        """The next whole fragment of a file of this size, if there is one. OSError, NotFragmented.

        `last`: nothing will be written any more, which changes nothing here.
        """
        if not self.header and not self._read_header(file, size):
            return None
        while not self.ended:
            ahead = os.pread(file, _AHEAD_BYTES, self.at)
            box = head(ahead)
            if box is None or self.at + 8 > size:
                return None
            kind, _, length = box
            if kind == b"moof":
                return self._fragment(file, size, ahead, length)
            if kind in (b"moov", b"mfra") or not length:
                self.ended = True
            elif self.at + length > size:
                return None
            else:
                self.at += length
        return None

    def _fragment(self, file: int, size: int, ahead: bytes, length: int) -> Fragment | None:
        if not 8 < length <= LONGEST_INDEX:
            raise NotFragmented(f"a moof of {length} bytes")
        moof = ahead[:length]
        if len(moof) < length:
            moof += os.pread(file, length - len(moof), self.at + len(moof))
        media = head(os.pread(file, 16, self.at + length))
        if media is None or len(moof) < length:
            return None
        kind, _, media_bytes = media
        whole = length + media_bytes
        if kind != b"mdat" or not media_bytes or whole > LONGEST_FRAGMENT:
            raise NotFragmented(f"{kind!r} of {media_bytes} bytes behind a moof")
        if self.at + whole > size:
            return None
        fragment = self._described(moof, whole)
        self.at += whole
        self._number += 1
        return fragment

    def _described(self, moof: bytes, length: int) -> Fragment:
        found = runs(moof, self._tracks)
        has_video = any(track.is_video for track in self._tracks.values())
        video = next((run for run in found if self._tracks[run.track].is_video), None)
        spans = [self._span(run) for run in ([video] if video else found)]
        if not spans:
            raise NotFragmented("a fragment without samples")
        begin_s, end_s = min(span[0] for span in spans), max(span[1] for span in spans)
        independent = video.sync if video else not has_video
        return Fragment(self._number, self.at, length, begin_s, end_s, independent)

    def _span(self, run: Run) -> tuple[float, float]:
        track = self._tracks[run.track]
        return (
            run.begin / track.timescale + track.shift_s,
            run.end / track.timescale + track.shift_s,
        )

    def _read_header(self, file: int, size: int) -> bool:
        at, kind_of_file, closed = 0, b"", False
        for _ in range(_MOST_BOXES):
            beginning = os.pread(file, 32, at)
            box = head(beginning)
            if box is None:
                return False
            kind, head_bytes, length = box
            if kind == b"mdat" and beginning[head_bytes + 4 : head_bytes + 8] == b"ftyp":
                at, closed = at + head_bytes, True
                continue
            if not length or at + length > size:
                return False
            if kind == b"ftyp":
                kind_of_file = os.pread(file, min(length, 4096), at)
            elif kind == b"moov":
                if length > LONGEST_HEADER:
                    raise NotFragmented(f"a header of {length} bytes")
                moov = os.pread(file, length, at)
                if found := tracks(moov):
                    self._tracks, self.header = found, kind_of_file + moov
                    self.at = at + length
                    written_at = 2 * len(kind_of_file) + _RESERVED_BYTES
                    self.moved_bytes = at - written_at if closed else 0
                    return True
            elif kind == b"moof":
                raise NotFragmented("a fragment before the header")
            at += length
        raise NotFragmented("no header of fragments")
