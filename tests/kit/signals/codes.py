"""Frames that carry their number as a bar code, and a flash with a beep at each full second."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt

BITS: Final = 16
CELLS: Final = BITS + 4
"""White, black, the bits, their parity, and black again."""

FLASH_S: Final = 0.1
"""How long the flash and the beep last at the start of each second."""

BEEP_HZ: Final = 1000
Plane = npt.NDArray[np.uint8]
Encoded = tuple[bytes, bool]
"""A frame's data, and whether it is a keyframe."""


def draw(code: int, *, width: int, height: int, fps: int) -> av.VideoFrame:
    """The frame with this number: bars above, a moving ramp or the flash below."""
    luma = np.empty((height, width), np.uint8)
    flash = code % fps < FLASH_S * fps
    luma[:] = 235 if flash else 40 + (np.arange(width) + 4 * code) % 64
    bars = height // 4
    for cell, value in enumerate(_cells(code)):
        luma[:bars, cell * width // CELLS : (cell + 1) * width // CELLS] = 235 if value else 16
    grey = np.full((height // 2, width), 128, np.uint8)
    return av.VideoFrame.from_ndarray(np.vstack([luma, grey]), format="yuv420p")


def paint(over: av.VideoFrame, code: int, *, fps: int) -> av.VideoFrame:
    """A yuv420p frame with this number's bars on its upper quarter: film that can be counted."""
    width, height = over.width, over.height
    film = over.to_ndarray()
    bars = draw(code, width=width, height=height, fps=fps).to_ndarray()
    film[: height // 4] = bars[: height // 4]
    return av.VideoFrame.from_ndarray(film, format="yuv420p")


def read_code(luma: npt.NDArray[Any]) -> int | None:
    """The number in a frame's luma plane; None if it carries none."""
    height, width = luma.shape
    row = luma[height // 16 : height * 3 // 16].astype(np.float64).mean(axis=0)
    cells = [_middle(row, cell, width) > 128 for cell in range(CELLS)]
    code = sum(1 << bit for bit in range(BITS) if cells[2 + bit])
    return code if cells == _cells(code) else None


def luma_of(frame: av.VideoFrame) -> Plane:
    """The luma plane of a planar YUV frame."""
    plane = frame.planes[0]
    lines: Plane = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return lines[: frame.height, : frame.width]


def is_flash(luma: npt.NDArray[Any]) -> bool:
    """Whether the flash is on in the frame."""
    height = luma.shape[0]
    return bool(luma[height // 2 :].mean() > 160)


def beep(second_part: int, samples: int, rate: int) -> npt.NDArray[np.int16]:
    """`samples` of audio beginning `second_part` samples into a second."""
    at = (second_part + np.arange(samples)) % rate
    wave = 12_000 * np.sin(2 * np.pi * BEEP_HZ * at / rate) * (at < FLASH_S * rate)
    return wave.astype(np.int16)


def _cells(code: int) -> list[bool]:
    bits = [bool(code >> bit & 1) for bit in range(BITS)]
    return [True, False, *bits, sum(bits) % 2 == 1, False]


def _middle(row: npt.NDArray[np.float64], cell: int, width: int) -> float:
    start, end = cell * width / CELLS, (cell + 1) * width / CELLS
    margin = (end - start) / 4
    return float(row[int(start + margin) : max(int(start + margin) + 1, int(end - margin))].mean())


class Encoder:
    """Encodes the numbered frames; each second begins with a keyframe."""

    NAMES: Final = {
        "vp8": "libvpx",
        "vp9": "libvpx-vp9",
        "av1": "libsvtav1",
        "h264": "libx264",
        "h265": "libx265",
    }
    _VPX: Final = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    _OPTIONS: Final = {
        "vp8": _VPX,
        "vp9": _VPX,
        "av1": {"preset": "11", "svtav1-params": "pred-struct=1:lookahead=0:rc=2"},
        "h264": {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"},
        "h265": {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "x265-params": "log-level=0:repeat-headers=1:scenecut=0",
        },
    }

    def __init__(self, codec: str, *, width: int, height: int, fps: int) -> None:
        self._fps = fps
        context = av.CodecContext.create(self.NAMES[codec], "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, fps), Fraction(fps)
        context.thread_count = 1  # libvpx's threads wait for each other in busy loops
        # With constant bit rate SVT-AV1 blurs the bars of small frames.
        context.bit_rate = max(100_000, width * height * fps // 20) * (5 if codec == "av1" else 1)
        context.gop_size = fps
        context.options = self._OPTIONS[codec]
        self._context = context

    def encode(self, frame: av.VideoFrame, code: int) -> list[Encoded]:
        """The frame with this number."""
        frame.pts = code
        if code % self._fps == 0:
            frame.pict_type = av.video.frame.PictureType.I
        return [(bytes(packet), packet.is_keyframe) for packet in self._context.encode(frame)]


@lru_cache(maxsize=240)
def second(codec: str, *, width: int, height: int, fps: int, first: int) -> list[Encoded]:
    """The numbered frames of one second, from `first` on.

    Kept, so that publishing them again costs little; so each is of an encoder of its own.
    """
    encoder = Encoder(codec, width=width, height=height, fps=fps)
    codes = range(first, first + fps)
    drawn = ((draw(code, width=width, height=height, fps=fps), code) for code in codes)
    return [one for frame, code in drawn for one in encoder.encode(frame, code)]


def encoded(codec: str, *, width: int, height: int, fps: int, seconds: int) -> list[Encoded]:
    """The first `seconds` of the numbered frames."""
    how = {"width": width, "height": height, "fps": fps}
    return [one for at in range(seconds) for one in second(codec, **how, first=at * fps)]
