"""Pieces: what HLS calls media segments, made of a segment file's fragments. Pure.

Which fragments a piece has depends on the fragments alone, not on when they were seen: a server
that was started anew, or reads the finished file, finds the same pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator.fragments.fragment import Fragment

ENCODED_S: Final = 2.0
"""Our encoders begin a keyframe with the first frame this far from the last one."""
COPIED_S: Final = 6.5
"""Publishers' keyframes come when they like; a piece that is this long ends without one."""
TARGET_S: Final = {True: 8, False: 4}
"""EXT-X-TARGETDURATION of copied and of encoded recordings. A piece is longer than where it is cut
by a fragment at most: 1.2 s, or a second where frames come once a second."""
_SHORTEST_S: Final = 1.5
"""A keyframe that comes sooner begins no piece."""
_ROUNDING_S: Final = 0.0006


@dataclass(frozen=True, slots=True)
class Piece:
    """From one keyframe to before another, mostly; times in seconds of the segment's file."""

    number: int
    """In its segment, from 0."""
    begin_s: float
    end_s: float
    independent: bool
    fragments: tuple[Fragment, ...] = ()
    """Empty if it is made of the final file, by its times."""

    @property
    def length_s(self) -> float:
        """What EXTINF says."""
        return self.end_s - self.begin_s


class PieceMaker:
    """Puts one segment's fragments together."""

    def __init__(self, *, copied: bool) -> None:
        self._length_s = COPIED_S if copied else ENCODED_S
        self._number = 0
        self.open: list[Fragment] = []
        """Of the piece that isn't whole yet."""

    @property
    def number(self) -> int:
        """Of the piece that isn't whole yet."""
        return self._number

    def add(self, fragment: Fragment) -> list[Piece]:
        """The pieces that are whole with it: none, one, or two."""
        made = []
        if self.open and fragment.independent and self._lasts_s(fragment.begin_s) >= _SHORTEST_S:
            made.append(self._made(fragment.begin_s))
        self.open.append(fragment)
        if self._lasts_s(fragment.end_s) >= self._length_s - _ROUNDING_S:
            made.append(self._made(fragment.end_s))
        return made

    def close(self) -> list[Piece]:
        """What is left when no fragment follows."""
        return [self._made(self.open[-1].end_s)] if self.open else []

    def _lasts_s(self, end_s: float) -> float:
        return end_s - self.open[0].begin_s

    def _made(self, end_s: float) -> Piece:
        first = self.open[0]
        # Where nothing came for long, the piece isn't as long as that.
        end_s = max(min(end_s, self.open[-1].end_s + 1.0), first.begin_s + 0.001)
        piece = Piece(self._number, first.begin_s, end_s, first.independent, tuple(self.open))
        self._number, self.open = self._number + 1, []
        return piece


def pieces_of(fragments: Sequence[Fragment], *, copied: bool) -> list[Piece]:
    """All of a segment that is whole."""
    maker = PieceMaker(copied=copied)
    return [piece for one in fragments for piece in maker.add(one)] + maker.close()
