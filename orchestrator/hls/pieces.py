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
"""EXT-X-TARGETDURATION of copied and of encoded recordings; no piece is longer."""
GAP_S: Final = 1.0
"""A piece ends where nothing comes for longer, this far behind its last frame at most."""
_GAP_BETWEEN_S: Final = 0.5
"""More from a piece's last frame to the next one's first isn't what codecs round."""
_JUST_S: Final = 0.001
_SHORTEST_S: Final = 1.5
"""A keyframe that comes sooner begins no piece, unless the open one began without."""
_ROUNDING_S: Final = 0.0006
_AUDIO_S: Final = 0.045
"""Two packets of audio, Opus or AAC, and what times are rounded by: libavformat keeps the last one
for the cluster of the keyframe."""


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
    header: int = 0
    """Number of its header among those of its segment."""
    gap: bool = False
    """Nothing came for long before it: its times don't go on from the piece before."""
    mixed: bool = False
    """Its audio is that of all microphones together, encoded."""
    around: tuple[Fragment, ...] = ()
    """Before and behind it, in which such audio may be too; empty as `fragments` are."""

    @property
    def length_s(self) -> float:
        """What EXTINF says."""
        return self.end_s - self.begin_s


class PieceMaker:
    """Puts one segment's fragments together."""

    def __init__(self, *, copied: bool) -> None:
        self._copied = copied
        self._length_s = COPIED_S if copied else ENCODED_S
        self._target_s = TARGET_S[copied]
        self._number = 0
        self._end_s = self._last_s = 0.0
        """Of the last piece, and of its last frame."""
        self.open: list[Fragment] = []
        """Of the piece that isn't whole yet."""

    @property
    def number(self) -> int:
        """Of the piece that isn't whole yet."""
        return self._number

    @property
    def gap(self) -> bool:
        """Whether that piece is behind a gap."""
        if not self._number or not self.open:
            return False
        return _first_s(self.open[0]) > self._last_s + _GAP_BETWEEN_S

    def add(self, fragment: Fragment) -> list[Piece]:
        """The pieces that are whole with it: none, one, or two."""
        made = []
        if self.open and self._ends_before(fragment):
            made.append(self._made(fragment.begin_s))
        self.open.append(fragment)
        end_s = self._until_s(fragment)
        if self._lasts_s(end_s) >= self._length_s - _ROUNDING_S:
            made.append(self._made(end_s))
        return made

    def keyframe(self, begin_s: float) -> list[Piece]:
        """The piece that is whole as the next fragment is known to begin with a keyframe here; what
        `add` would give with that fragment.
        """
        return [self._made(begin_s)] if self.open and self._is_due(begin_s) else []

    def _until_s(self, fragment: Fragment) -> float:
        """Where the next frame of video is, as far as is known.

        An encoder's cluster ends before the keyframe that is due, with audio up to there.
        """
        if self._copied or fragment.frames_s is None:
            return fragment.end_s
        due_s = self.open[0].begin_s + self._length_s
        is_due = fragment.frames_s[1] >= due_s - _AUDIO_S
        return max(fragment.end_s, due_s) if is_due else fragment.end_s

    def _ends_before(self, fragment: Fragment) -> bool:
        if _first_s(fragment) > _last_s(self.open[-1]) + GAP_S:
            return True
        if self._lasts_s(fragment.end_s) > self._target_s:
            return True
        return fragment.independent and self._is_due(fragment.begin_s)

    def _is_due(self, keyframe_s: float) -> bool:
        """Whether a keyframe here begins a piece."""
        # Behind a keyframe out of turn, pieces would begin between keyframes from then on.
        return not self.open[0].independent or self._lasts_s(keyframe_s) >= _SHORTEST_S

    def close(self) -> list[Piece]:
        """What is left when no fragment follows."""
        if not self.open:
            return []
        last = self.open[-1]
        end_s = last.end_s if last.frames_s is None else max(last.end_s, _last_s(last) + _JUST_S)
        return [self._made(end_s)]

    def _lasts_s(self, end_s: float) -> float:
        return end_s - self.open[0].begin_s

    def _made(self, end_s: float) -> Piece:
        first, last = self.open[0], self.open[-1]
        gap = self.gap
        # What audio has before its first frame of video is in it too.
        goes_on = self._number > 0 and not gap
        begin_s = min(first.begin_s, self._end_s if goes_on else _first_s(first))
        end_s = min(end_s, _last_s(last) + GAP_S, begin_s + self._target_s)
        end_s = max(end_s, begin_s + _JUST_S)
        piece = Piece(self._number, begin_s, end_s, first.independent, tuple(self.open), gap=gap)
        self._end_s, self._last_s = end_s, max(end_s, _last_s(last))
        self._number, self.open = self._number + 1, []
        return piece


def _first_s(fragment: Fragment) -> float:
    """Of all its tracks, as far as is known."""
    return fragment.begin_s if fragment.frames_s is None else fragment.frames_s[0]


def _last_s(fragment: Fragment) -> float:
    return (
        fragment.end_s if fragment.frames_s is None else max(fragment.end_s, fragment.frames_s[1])
    )


def pieces_of(fragments: Sequence[Fragment], *, copied: bool) -> list[Piece]:
    """All of a segment that is whole."""
    maker = PieceMaker(copied=copied)
    return [piece for one in fragments for piece in maker.add(one)] + maker.close()
