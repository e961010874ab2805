"""The fixed picture size of a recording; others are scaled into it, with black around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from av.video.plane import VideoPlane
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

PIXEL_FORMAT: Final = "yuv420p"
_BLACK_LUMA, _BLACK_CHROMA = 16, 128  # limited range, ITU-R BT.709 §3

MIN_SIDE: Final = 16
MAX_SIDE: Final = 4096


@dataclass(frozen=True, slots=True)
class CanvasSize:
    """Width and height in pixels, both even (4:2:0 needs it)."""

    width: int
    height: int

    @classmethod
    def fitting(cls, width: int, height: int) -> CanvasSize:
        """The smallest even size that holds the picture, within what encoders take."""
        return cls(*(min(max(side + side % 2, MIN_SIDE), MAX_SIDE) for side in (width, height)))


DEFAULT_CANVAS: Final = CanvasSize(1280, 720)
"""For a recording that begins before any picture has come."""


def placed(width: int, height: int, canvas: CanvasSize) -> tuple[int, int, int, int]:
    """Where a picture goes: x, y, width, height, all even, in proportion and centred."""
    scale = min(canvas.width / width, canvas.height / height)
    w = min(max(round(width * scale / 2) * 2, 2), canvas.width)
    h = min(max(round(height * scale / 2) * 2, 2), canvas.height)
    return (canvas.width - w) // 4 * 2, (canvas.height - h) // 4 * 2, w, h


class Canvas:
    """Makes every frame the same size and pixel format. Not for several threads at once."""

    def __init__(self, size: CanvasSize) -> None:
        self.size = size
        self._reformatter = VideoReformatter()
        self._black: av.VideoFrame | None = None

    def fit(self, frame: av.VideoFrame | None) -> av.VideoFrame:
        """The frame on the canvas; None is black."""
        if frame is None:
            return self.black
        if (frame.width, frame.height) == (self.size.width, self.size.height):
            return self._converted(frame, frame.width, frame.height)
        x, y, width, height = placed(frame.width, frame.height, self.size)
        picture = self._converted(frame, width, height)
        if (width, height) == (self.size.width, self.size.height):
            return picture
        return self._padded(picture, x, y)

    @property
    def black(self) -> av.VideoFrame:
        """A black picture of the canvas' size."""
        if self._black is None:
            self._black = av.VideoFrame.from_ndarray(self._empty(), format=PIXEL_FORMAT)
        return self._black

    def _converted(self, frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
        if (frame.width, frame.height, frame.format.name) == (width, height, PIXEL_FORMAT):
            return frame
        return self._reformatter.reformat(
            frame, width, height, PIXEL_FORMAT, interpolation=Interpolation.BICUBIC
        )

    def _empty(self) -> NDArray[np.uint8]:
        width, height = self.size.width, self.size.height
        array = np.full((height * 3 // 2, width), _BLACK_CHROMA, np.uint8)
        array[:height] = _BLACK_LUMA
        return array

    def _padded(self, picture: av.VideoFrame, x: int, y: int) -> av.VideoFrame:
        full = av.VideoFrame.from_ndarray(self._empty(), format=PIXEL_FORMAT)
        for plane, source, shrink in zip(full.planes, picture.planes, (1, 2, 2), strict=True):
            target = np.frombuffer(memoryview(plane), np.uint8).reshape(
                plane.height, plane.line_size
            )
            pixels = np.frombuffer(memoryview(source), np.uint8).reshape(
                source.height, source.line_size
            )
            top, left = y // shrink, x // shrink
            target[top : top + source.height, left : left + source.width] = pixels[
                :, : source.width
            ]
        return full


def packed(plane: VideoPlane) -> NDArray[np.uint8]:
    """The plane's pixels, line by line without gaps: its own memory where that has none."""
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return np.ascontiguousarray(lines[:, : plane.width])
