"""Whether frames are still or black, by the mean brightness of 32 x 18 blocks.

An encoder goes on refining a frame that doesn't change, so pixels are no measure; the mean of a
block hardly moves. Measured with three clips (a face, a street, an animation; 720p, 1 Mbit/s with
libx264, libaom and VP9) that are held for 5 s in their middle, at 30 frames a second and at one:
in all 18 files that passage is found to the frame, and no other.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from orchestrator.mediafiles.inspect.statistics import PASSAGE_NS, Condition, Passages

COLUMNS: Final = 32
ROWS: Final = 18
SIDE: Final = 16
"""Pixels of a block's side at least: small frames have fewer blocks."""

SAMPLES: Final = 10
"""Pixels of a block's side that are looked at, about; more change nothing but the time it takes."""

SAME: Final = 4.0
"""No block's mean may be further off, of 255, in a frame that looks the same."""

BLACK: Final = 27.0
"""No block of a black frame is brighter: 5 % of the range from 16 to 235 ..."""

BLACK_FULL_RANGE: Final = 13.0
"""... and of that from 0 to 255."""

Blocks = npt.NDArray[np.float32]

_FULL_RANGE: Final = 2
"""AVCOL_RANGE_JPEG (libavutil/pixfmt.h)."""

_LUMA_FIRST: Final = frozenset(
    ("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "nv12", "nv21")
)
"""Formats whose first plane is 8-bit luma."""


def blocks_of(frame: VideoFrame) -> Blocks:
    """The mean brightness of each block, 0 to 255; pixels that don't fill a block are left out."""
    if frame.format.name not in _LUMA_FIRST:
        frame = frame.reformat(format="yuv420p")
    plane = frame.planes[0]
    luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return block_means(luma[: frame.height, : frame.width])


def block_means(luma: npt.NDArray[np.uint8]) -> Blocks:
    """The same of a plane of brightness."""
    rows, columns = (
        max(1, min(most, pixels // SIDE))
        for most, pixels in zip((ROWS, COLUMNS), luma.shape, strict=True)
    )
    high, wide = luma.shape[0] // rows, luma.shape[1] // columns
    tiles = luma[: rows * high, : columns * wide].reshape(rows, high, columns, wide)
    some = tiles[:, :: _every(high), :, :: _every(wide)]
    means: Blocks = some.mean(axis=(1, 3), dtype=np.float32)
    return means


def _every(side: int) -> int:
    return max(1, side // SAMPLES)


def look_same(one: Blocks, other: Blocks) -> bool:
    """Whether a viewer would see no difference."""
    return one.shape == other.shape and float(np.abs(one - other).max()) <= SAME


def is_black(blocks: Blocks, *, full_range: bool = False) -> bool:
    """Whether the frame is black."""
    return float(blocks.max()) <= (BLACK_FULL_RANGE if full_range else BLACK)


def has_full_range(frame: VideoFrame) -> bool:
    """Whether black is 0 in this frame, not 16."""
    return frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")


class StillFrames:
    """Passages in which the video is still or black, of half a second and more.

    A frame is compared with the first of its passage, so that what moves slowly isn't taken for
    still. One frame that is shown for long is no passage: that is a gap.
    """

    def __init__(self) -> None:
        self.still = Passages(PASSAGE_NS)
        self._black = Condition()
        self._first: Blocks | None = None
        self._since_ns = 0
        self._frames = 0

    @property
    def black(self) -> Passages:
        """The black passages."""
        return self._black.passages

    def update(self, time_ns: int, blocks: Blocks, *, black: bool) -> None:
        """The next frame, shown from `time_ns` on."""
        self._black.update(time_ns, black)
        if self._first is not None and not black and look_same(blocks, self._first):
            self._frames += 1
            return
        self._end(time_ns)
        self._first = None if black else blocks
        self._since_ns, self._frames = time_ns, 1

    def close(self, time_ns: int) -> None:
        """The end of the last frame."""
        self._black.update(time_ns, False)
        self._end(time_ns)
        self._first = None

    def _end(self, time_ns: int) -> None:
        if self._first is not None and self._frames > 1:
            self.still.add(self._since_ns, time_ns - self._since_ns)
