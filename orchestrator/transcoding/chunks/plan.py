"""Cuts a file's video into chunks, each for one run of ffmpeg. Pure.

A chunk has the frames that are shown from one keyframe (`start`) until before another (`end`).
Frames of an open GOP that are decoded after a keyframe and shown before it belong to the chunk
before, which decodes on until it meets the keyframe. A chunk decodes from a keyframe earlier on
(its run-in), so that decoding is well under way where its own frames begin; the last frames of the
run-in are compared with what the chunk before made of them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Final

from orchestrator.transcoding.frames import Frames, KeyFrame

LONGEST_S: Final = 60.0
"""A crash costs at most what chunks under way had done."""
SHORTEST_S: Final = 5.0
"""Each chunk begins with a keyframe, and its encoder knows nothing of the one before."""
COMPARED: Final = 8
"""Frames before a cut that both chunks decode and that have to be alike."""
MOST_SIZES: Final = 100
"""Chunks of a size of their own; where sizes change more often, all frames get the largest."""

Window = tuple[int, int]
"""Times of frames, from the first until before the second."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of the video; times are in its time base."""

    number: int
    start: int | None
    """When its first frame is shown; None: the file's first."""
    end: int | None
    """When the first frame after it is shown; None: it goes on to the file's end."""
    run_in: tuple[int, ...]
    """Keyframes from which decoding may begin, nearest first; empty: at the file's beginning."""
    frames: int
    """As far as packets tell; 0: unknown."""
    width: int
    height: int

    def __post_init__(self) -> None:
        assert (self.start is None) == (not self.run_in)

    def shows(self, pts: int) -> bool:
        """Whether a frame that is shown then is one of its own."""
        return (self.start is None or pts >= self.start) and (self.end is None or pts < self.end)


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a chunk begins that isn't the first."""

    key: KeyFrame
    before: int
    """The place among all keyframes of the one before it."""


def canvas_of(frames: Frames) -> tuple[int, int]:
    """The largest frame size, in even numbers."""
    sizes = [(k.width, k.height) for k in frames.keyframes if k.width and k.height]
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return even(width, height)


def even(width: int, height: int) -> tuple[int, int]:
    """The least even size that holds it: chroma has half of each."""
    return width + width % 2, height + height % 2


def plan_chunks(
    frames: Frames, time_base: Fraction, jobs: int, *, mixed_sizes: bool
) -> list[Chunk]:
    """The chunks in order: as many as a multiple of `jobs`, so that all are busy to the end.

    Another one begins where the frame size changes; without `mixed_sizes`, or where it changes very
    often, all have the largest.
    """
    length_s = float((frames.times[-1] - frames.times[0]) * time_base) if frames.times else 0.0
    rounds = math.ceil(length_s / LONGEST_S / jobs)
    wanted_s = max(length_s / max(rounds * jobs, 1), SHORTEST_S)
    mixed_sizes = mixed_sizes and _sizes(frames) <= MOST_SIZES
    cuts = _cuts(frames, math.ceil(wanted_s / time_base), each_size=mixed_sizes)
    whole = canvas_of(frames)
    edges: list[Cut | None] = [None, *cuts, None]
    return [
        _chunk(frames, number, edge, after, None if mixed_sizes else whole)
        for number, (edge, after) in enumerate(pairwise(edges))
    ]


def window_before(times: Sequence[int], at: int | None) -> Window | None:
    """The frames just before a cut that are compared; None where there is no cut."""
    if at is None:
        return None
    place = bisect_left(times, at)
    return (times[max(place - COMPARED, 0)], at)


def _cuts(frames: Frames, wanted: int, *, each_size: bool) -> list[Cut]:
    """A cut at the keyframe nearest to each multiple of the wanted length, and at each new size."""
    if not frames.times:
        return []
    first, last = frames.times[0], frames.times[-1]
    cuts: list[Cut] = []
    begun, size = first, _size(frames.keyframes[0]) if frames.keyframes else None
    for place, (key, after) in enumerate(pairwise([*frames.keyframes, None])):
        assert key is not None
        resized = each_size and None not in (size, _size(key)) and _size(key) != size
        size = _size(key) or size
        if place == 0 or key.pts <= first:
            continue
        next_pts = after.pts if after is not None else last
        due = abs(key.pts - begun - wanted) <= abs(next_pts - begun - wanted)
        rest = 2 * (last - key.pts) >= wanted
        if resized or (due and rest):
            cuts.append(Cut(key, place - 1))
            begun = key.pts
    return cuts


def _sizes(frames: Frames) -> int:
    """How many stretches of one size there are."""
    known = [size for key in frames.keyframes if (size := _size(key)) is not None]
    return sum(1 for _ in groupby(known))


def _size(key: KeyFrame) -> tuple[int, int] | None:
    return None if key.width is None or key.height is None else (key.width, key.height)


def _chunk(
    frames: Frames,
    number: int,
    cut: Cut | None,
    after: Cut | None,
    canvas: tuple[int, int] | None,
) -> Chunk:
    start = None if cut is None else cut.key.pts
    end = None if after is None else after.key.pts
    first = 0 if start is None else bisect_left(frames.times, start)
    until = len(frames.times) if end is None else bisect_left(frames.times, end)
    return Chunk(
        number=number,
        start=start,
        end=end,
        run_in=() if cut is None else _run_in(frames.keyframes, cut),
        frames=until - first,
        width=(canvas or _own_size(frames, start))[0],
        height=(canvas or _own_size(frames, start))[1],
    )


def _run_in(keyframes: Sequence[KeyFrame], cut: Cut) -> tuple[int, ...]:
    """One keyframe before it as a rule; further back if frames there came out differently."""
    places = (cut.before, max(cut.before - 4, 0))
    return tuple(dict.fromkeys(keyframes[place].pts for place in places))


def _own_size(frames: Frames, start: int | None) -> tuple[int, int]:
    """Of the last keyframe up to there whose size is known."""
    sizes = [_size(k) for k in frames.keyframes if start is None or k.pts <= start]
    known = [size for size in sizes if size is not None]
    found = known[0 if start is None else -1] if known else canvas_of(frames)
    return even(*found)
