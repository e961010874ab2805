"""Image files: reading backgrounds and logos, writing PNG. With FFmpeg's codecs, in PyAV."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import av
import numpy as np

from orchestrator.errors import InvalidRequest
from orchestrator.layouts.canvas import MOST_PIXELS
from orchestrator.layouts.drawing.paint import Image

MOST_BYTES: Final = 32_000_000
"""Of a background, a logo or an image that stands for a track."""


def read_image(path: Path) -> Image:
    """The RGBA image of a PNG, JPEG or WebP; InvalidRequest if it is none. Blocks."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidRequest(f"The image {path} can't be read: {reason}.") from None
    if len(data) > MOST_BYTES:
        raise InvalidRequest(f"The image {path} is larger than {MOST_BYTES} bytes.")
    return _decoded(path, data)


def png(image: Image) -> bytes:
    """An RGB image as PNG."""
    height, width = image.shape[:2]
    encoder = av.VideoCodecContext.create("png", "w")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt, encoder.time_base = "rgb24", Fraction(1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def scaled(image: Image, width: int, height: int) -> Image:
    """The RGB or RGBA image in another size."""
    if image.shape[:2] == (height, width):
        return image
    format: Literal["rgba", "rgb24"] = "rgba" if image.shape[2] == 4 else "rgb24"
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=format)
    smaller = width < image.shape[1] and height < image.shape[0]
    way = "AREA" if smaller else "BICUBIC"
    return np.asarray(frame.reformat(width, height, interpolation=way).to_ndarray(), np.uint8)


def _decoded(path: Path, data: bytes) -> Image:
    try:
        with av.open(io.BytesIO(data), "r") as container:
            stream = container.streams.video[0]
            size = (stream.codec_context.width, stream.codec_context.height)
            if size[0] * size[1] > MOST_PIXELS:
                problem = f"it has {size[0]}x{size[1]} pixels; {MOST_PIXELS} are the limit"
                raise InvalidRequest(f"The image {path} can't be used: {problem}.")
            frame = next(container.decode(stream))
            return np.asarray(frame.reformat(format="rgba").to_ndarray(), np.uint8)
    except (av.FFmpegError, IndexError, StopIteration, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise InvalidRequest(
            f"The image {path} can't be decoded ({problem}).", "Give a PNG, JPEG or WebP."
        ) from None
