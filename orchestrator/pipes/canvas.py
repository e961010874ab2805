"""The frame size of one segment; frames of others are scaled into it, with black around."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from av.video.plane import VideoPlane
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from orchestrator.media import BT601, Colors
from orchestrator.pipes.colors import colors_of, swscale_matrix, swscale_range, tag

PIXEL_FORMAT: Final = "yuv420p"
_PLANES_ALIKE: Final = ("yuv420p", "yuvj420p")
_BLACK_CHROMA: Final = 128

_ROUNDING: Final = 2
"""Pixels by which the sides of a smaller simulcast layer may be rounded."""

_SAME_RATIO: Final = 1.05
"""Beyond this two shapes differ, however small the frame is in which they are compared."""


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """Frame sizes that an encoder takes: larger frames are scaled down, smaller ones get bars."""

    most_width: int
    most_height: int
    most_pixels: int
    least_width: int = 16
    least_height: int = 16

    def takes(self, width: int, height: int) -> bool:
        """Whether a frame of this size is not too large for it."""
        within = width <= self.most_width and height <= self.most_height
        return within and width * height <= self.most_pixels


LIMITS: Final = SizeLimits(16_384, 8_704, 35_651_584)
"""The largest frames that levels are defined for, H.264's (6.2, by pixels), VP9's and AV1's (6.3)
alike."""


@dataclass(frozen=True, slots=True)
class CanvasSize:
    """Width and height in pixels, both even (4:2:0 needs it)."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @classmethod
    def fitting(cls, width: int, height: int, limits: SizeLimits = LIMITS) -> CanvasSize:
        """The smallest even size that holds the frame; in its shape, if it is too large."""
        even = (width + width % 2, height + height % 2)
        if not limits.takes(*even):
            by_side = min(limits.most_width / width, limits.most_height / height)
            scale = min(by_side, math.sqrt(limits.most_pixels / (width * height)))
            even = (int(width * scale) // 2 * 2, int(height * scale) // 2 * 2)
        return cls(max(even[0], limits.least_width), max(even[1], limits.least_height))

    def holds(self, width: int, height: int) -> bool:
        """Whether a frame of this size stands on it without loss of detail, up to rounding."""
        return width <= self.width + _ROUNDING and height <= self.height + _ROUNDING


DEFAULT_CANVAS: Final = CanvasSize(1280, 720)
"""For a recording that begins before any size is known."""


def same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one is the other in another size, as layers of simulcast are, rounded to pixels."""
    (width, height), (large_width, large_height) = sorted((one, other), key=math.prod)
    ratio = width * large_height / (height * large_width)
    if not 1 / _SAME_RATIO < ratio < _SAME_RATIO:
        return False
    wide, high = height * large_width / large_height, width * large_height / large_width
    return min(abs(width - wide), abs(height - high)) <= _ROUNDING


def placed(width: int, height: int, canvas: CanvasSize) -> tuple[int, int, int, int]:
    """Where a frame goes: x, y, width, height, all even, in proportion and centred."""
    if same_shape((width, height), (canvas.width, canvas.height)):
        return 0, 0, canvas.width, canvas.height
    scale = min(canvas.width / width, canvas.height / height)
    w = min(max(round(width * scale / 2) * 2, 2), canvas.width)
    h = min(max(round(height * scale / 2) * 2, 2), canvas.height)
    return (canvas.width - w) // 4 * 2, (canvas.height - h) // 4 * 2, w, h


@dataclass(slots=True)
class Losses:
    """Frames that were changed to fit the canvas."""

    squeezed: int = 0
    """Scaled down."""
    barred: int = 0
    """With black bars beside them."""
    largest: tuple[int, int] = (0, 0)
    """Of those that were scaled down."""

    def add(self, width: int, height: int, canvas: CanvasSize) -> None:
        """One more frame."""
        if not canvas.holds(width, height):
            self.squeezed += 1
            self.largest = max(self.largest, (width, height), key=math.prod)
        if not same_shape((width, height), (canvas.width, canvas.height)):
            self.barred += 1

    def plus(self, other: Losses) -> Losses:
        """Both together."""
        largest = max(self.largest, other.largest, key=math.prod)
        return Losses(self.squeezed + other.squeezed, self.barred + other.barred, largest)


class Canvas:
    """Gives every frame the same size and pixel format. Not thread-safe."""

    def __init__(self, size: CanvasSize, colors: Colors = BT601) -> None:
        self.size, self.colors = size, colors
        self._reformatter = VideoReformatter()
        self._black: av.VideoFrame | None = None

    def fit(self, frame: av.VideoFrame | None) -> av.VideoFrame:
        """The frame on the canvas; None is black."""
        if frame is None:
            return self.black
        if (frame.width, frame.height) == (self.size.width, self.size.height):
            return self._converted(frame, frame.width, frame.height)
        if (frame.width + frame.width % 2, frame.height + frame.height % 2) == (
            self.size.width,
            self.size.height,
        ):
            return self._padded(self._converted(frame, frame.width, frame.height), 0, 0)
        x, y, width, height = placed(frame.width, frame.height, self.size)
        scaled = self._converted(frame, width, height)
        if (width, height) == (self.size.width, self.size.height):
            return scaled
        return self._padded(scaled, x, y)

    @property
    def black(self) -> av.VideoFrame:
        """A black frame of the canvas' size."""
        if self._black is None:
            self._black = self._empty_frame()
        return self._black

    def _converted(self, frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
        own = colors_of(frame)
        same_size = (frame.width, frame.height) == (width, height)
        if same_size and frame.format.name in _PLANES_ALIKE and own.alike(self.colors):
            return frame
        converted = self._reformatter.reformat(
            frame,
            width,
            height,
            PIXEL_FORMAT,
            interpolation=Interpolation.BICUBIC,
            src_colorspace=swscale_matrix(own),
            dst_colorspace=swscale_matrix(self.colors),
            src_color_range=swscale_range(own),
            dst_color_range=swscale_range(self.colors),
        )
        tag(converted, self.colors)
        return converted

    def _empty(self) -> NDArray[np.uint8]:
        width, height = self.size.width, self.size.height
        array = np.full((height * 3 // 2, width), _BLACK_CHROMA, np.uint8)
        array[:height] = 0 if self.colors.full_range else 16  # ITU-T H.273 §8.3
        return array

    def _empty_frame(self) -> av.VideoFrame:
        frame = av.VideoFrame.from_ndarray(self._empty(), format=PIXEL_FORMAT)
        tag(frame, self.colors)
        return frame

    def _padded(self, frame: av.VideoFrame, x: int, y: int) -> av.VideoFrame:
        full = self._empty_frame()
        for plane, source, shrink in zip(full.planes, frame.planes, (1, 2, 2), strict=True):
            target = np.frombuffer(memoryview(plane), np.uint8).reshape(
                plane.height, plane.line_size
            )
            pixels = np.frombuffer(memoryview(source), np.uint8).reshape(
                source.height, source.line_size
            )[:, : source.width]
            top, left = y // shrink, x // shrink
            bottom, right = top + source.height, left + source.width
            target[top:bottom, left:right] = pixels
            # An odd side gets its last line twice, so that it needs no scaling.
            if right == plane.width - 1 and frame.width % 2:
                target[top:bottom, right] = pixels[:, -1]
            if bottom == plane.height - 1 and frame.height % 2:
                target[bottom] = target[bottom - 1]
        return full


def packed(plane: VideoPlane) -> NDArray[np.uint8]:
    """The plane's pixels, line by line without gaps: its own memory where that has none."""
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return np.ascontiguousarray(lines[:, : plane.width])
