"""Frames as still images: scaled in proportion, in the colors that the format means. Blocking."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, Literal

import av
from av.video.reformatter import ColorRange, Interpolation

from orchestrator.media import BT601
from orchestrator.pipes.colors import colors_of, swscale_matrix, swscale_range

Format = Literal["jpeg", "webp"]

_ENCODERS: Final = {"jpeg": "mjpeg", "webp": "libwebp"}
_RANGES: Final = {"jpeg": ColorRange.JPEG, "webp": ColorRange.MPEG}
"""JPEG is BT.601 in full range (JFIF, ITU-T T.871 §7); lossy WebP is VP8, BT.601 in limited range
(RFC 9649 §2.5 refers to RFC 6386, whose decoder converts so)."""

JPEG_QUANTIZER: Final = 3
"""Of ffmpeg's mjpeg encoder, 2 (best) to 31."""
_WEBP: Final = {"quality": "80", "compression_level": "2"}
"""libwebp's quality, 0 to 100, and its effort, 0 to 6."""


def size_within(frame: av.VideoFrame, width: int) -> tuple[int, int]:
    """Width and height of the frame at most so wide, in proportion; it isn't enlarged."""
    width = min(width, frame.width)
    return width, max(round(frame.height * width / frame.width), 1)


def scaled(
    frame: av.VideoFrame, width: int, height: int, color_range: ColorRange = ColorRange.JPEG
) -> av.VideoFrame:
    """A copy in yuv420p of this size, BT.601, whatever the colors of the frame are."""
    own = colors_of(frame)
    same = (width, height) == (frame.width, frame.height)
    return frame.reformat(
        width,
        height,
        "yuv420p",
        interpolation=Interpolation.BICUBIC if same else Interpolation.AREA,
        src_colorspace=swscale_matrix(own),
        dst_colorspace=swscale_matrix(BT601),
        src_color_range=swscale_range(own),
        dst_color_range=color_range,
        threads=1,
    )


def encoded(
    frame: av.VideoFrame, format: Format = "jpeg", quantizer: int = JPEG_QUANTIZER
) -> bytes:
    """A frame that `scaled` gave, in a file. `quantizer`: of JPEG."""
    frame.pts = 0
    encoder = av.CodecContext.create(_ENCODERS[format], "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuv420p"
    encoder.color_range, encoder.time_base = _RANGES[format], Fraction(1)
    encoder.thread_count = 1
    if format == "jpeg":
        encoder.qmin = encoder.qmax = quantizer
    else:
        encoder.options = dict(_WEBP)
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def still(frame: av.VideoFrame, width: int | None, format: Format) -> bytes:
    """An image of the frame, at most so wide; None: as it is."""
    size = size_within(frame, width or frame.width)
    return encoded(scaled(frame, *size, _RANGES[format]), format)
