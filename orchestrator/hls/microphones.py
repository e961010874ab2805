"""Which of a segment's pieces have several microphones, and in which fragments these are. Pure.

From the first piece on in which a second audio track has packets, all are mixed: one microphone is
copied until then. It depends on what is in the file alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from orchestrator.fragments.fragment import Fragment
from orchestrator.hls.pieces import Piece

BEHIND_S: Final = 0.5
"""Packets come in the order of their times but for those of a slow network: how far behind a
piece's end its audio is looked for, before the piece is listed."""
_BEFORE_S: Final = 1.5
"""More than what a piece's audio depends on before it (`audio_span.Span.begin_ms`)."""


class Microphones:
    """Of one segment; pieces are given in order."""

    def __init__(self) -> None:
        self.mixes = False
        """Whether the pieces from now on are mixed."""
        self._tracks: frozenset[int] = frozenset()
        self._recent: list[Fragment] = []

    def look(self, piece: Piece, has_place: Callable[[], bool]) -> None:
        """Takes notice of a piece's tracks; `has_place`: whether HLS has their codec."""
        found = frozenset(number for one in piece.fragments for number in one.audio)
        if found - self._tracks and not self.mixes:
            self.mixes = len(found | self._tracks) > 1 or not has_place()
        self._tracks |= found

    def placed(self, piece: Piece, behind: Iterable[Fragment], *, last: bool) -> Piece | None:
        """The piece with what its audio is in; None while too little is behind it.

        `last`: nothing comes behind that.
        """
        if self.mixes:
            after, whole = _until(behind, piece.end_s + BEHIND_S)
            if not (whole or last):
                return None
            piece = replace(piece, mixed=True, around=(*self._recent, *after))
        self._recent += piece.fragments
        self._recent = [one for one in self._recent if _latest_s(one) > piece.end_s - _BEFORE_S]
        return piece


def _until(fragments: Iterable[Fragment], time_s: float) -> tuple[list[Fragment], bool]:
    """Those up to the first that reaches this time, and whether one does."""
    found = []
    for one in fragments:
        found.append(one)
        if _latest_s(one) >= time_s:
            return found, True
    return found, False


def _latest_s(fragment: Fragment) -> float:
    return fragment.end_s if fragment.frames_s is None else fragment.frames_s[1]
