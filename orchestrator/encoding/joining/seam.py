"""Which of the audio that two segments share goes into the joined file, packet by packet. Pure.

A later segment begins a little before the end of the one before (`pipes.segment_audio_overlap`). Up
to `MEET_S` behind its beginning the packets are the earlier segment's, from there on the later
one's: so what the later encoder made of silence before its first audio, and what the earlier one
padded its end with, is left out, and the rest follows without a gap. Without this each seam held 30
ms of silence too much, by which a player that plays packet after packet falls behind its video.

FFmpeg's bitstream filter ``noise`` drops packets for which an expression isn't 0
(libavcodec/bsf/noise.c); its ``st`` and ``ld`` keep what they store from packet to packet
(libavutil/eval.c).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

CODECS: Final = frozenset({"aac", "libopus"})
"""Encoders whose packets are as long as `pipes.segment_audio_overlap.PACKET_GRID` wants it."""

MEET_S: Final = 1792 / 48_000
"""Between two packets of AAC (21 and 43 ms behind the beginning) and of Opus (33 and 53)."""

_LANDING_S: Final = 0.1
"""The most by which a segment's first packet precedes its beginning (encoder priming)."""

_PADDING_S: Final = 0.1
"""The most by which a segment's last packet begins after its end."""

_MOST: Final = 1000
"""Most seams: an argument has at most 128 KiB (execve(2)); later seams may be audible."""

_HOLE_S: Final = 0.05
"""Longest time between two packets within a segment."""

_UNWRITTEN_S: Final = 5.0
"""How much of its input a killed ffmpeg may not have written."""

_SAME_S: Final = 0.005
"""Packets closer than this are the same audio; the shortest are 20 ms long."""


@dataclass(frozen=True, slots=True)
class Part:
    """One segment and its place on the recording's timeline, in seconds."""

    path: Path
    offset_s: float
    end_s: float | None = None
    """Where its input audio ends, if known."""
    closed: bool = True
    """Otherwise it may hold less than its input."""
    early_s: float = 0.0
    """So much earlier the concat demuxer begins it, which takes a file's start for its zero."""

    def overlaps(self, after: Part) -> bool:
        """Whether both were given the same audio."""
        return self.end_s is not None and self.end_s > after.offset_s

    def holds(self, at_s: float) -> bool:
        """Whether its audio certainly reaches beyond this place."""
        return self.closed or (self.end_s is not None and self.end_s - at_s > _UNWRITTEN_S)


def audio_filter_of(parts: Sequence[Part]) -> str | None:
    """``-bsf:a`` for the concatenation of these parts; None where none of them overlap."""
    seams = [pair for pair in pairwise(parts) if pair[0].overlaps(pair[1])]
    if not seams:
        return None
    zero_s = parts[0].offset_s
    tails = [
        (after.offset_s - zero_s, before.end_s - zero_s)
        for before, after in seams
        if before.closed and before.end_s is not None and after.holds(before.end_s)
    ][:_MOST]
    # Times of packets. 0: the one kept last; 1: this one; 2: the first of the segment that is being
    # read, which is known by time going back, or by a gap; 3: the one before this one.
    drop = (
        "st(3,if(n,ld(1),-1));st(1,pts*tb);"
        f"if(lte(ld(1),ld(3))+gt(ld(1),ld(3)+{_HOLE_S}),st(2,ld(1)));"
        f"if({_tail(tails)}+n*lt(ld(1),ld(0)+{_SAME_S}),1,0*st(0,ld(1)))"
    )
    return "noise=drop=" + drop.replace(",", r"\,").replace(";", r"\;")


def _tail(seams: Sequence[tuple[float, float]]) -> str:
    """Whether a packet is an earlier segment's, where the later one has a better one.

    Of each seam where the later one begins and where the earlier one ends, in seconds, in order. A
    tree, as the expression may be a hundred deep and no more.
    """
    if not seams:
        return "0"
    if len(seams) > 1:
        half = len(seams) // 2
        left, right = seams[:half], seams[half:]
        return f"if(lt(ld(1),{right[0][0] + MEET_S:.6f}),{_tail(left)},{_tail(right)})"
    ((begin_s, end_s),) = seams
    place = f"between(ld(1),{begin_s + MEET_S:.6f},{end_s + _PADDING_S:.6f})"
    return f"{place}*lt(ld(2),{begin_s - _LANDING_S:.6f})"
