"""Colors of frames: read from them, kept on a canvas, converted where they are others."""

from __future__ import annotations

import av
import numpy as np
import pytest

from orchestrator.media import BT601, Colors
from orchestrator.pipes.canvas import Canvas, CanvasSize
from orchestrator.pipes.colors import colors_of, tag

BT709 = Colors(1, 1, 1)
FULL = Colors(1, 1, 13, full_range=True)
SIZE = CanvasSize(64, 48)


def flat(luma: int, cb: int, cr: int, colors: Colors) -> av.VideoFrame:
    array = np.full((72, 64), luma, np.uint8)
    array[48:60], array[60:] = cb, cr
    frame = av.VideoFrame.from_ndarray(array, format="yuv420p")
    tag(frame, colors)
    return frame


def samples(frame: av.VideoFrame) -> list[int]:
    return [bytes(plane)[plane.line_size * plane.height // 2] for plane in frame.planes]


def test_what_nobody_says_is_bt601_limited() -> None:
    assert colors_of(av.VideoFrame(64, 48, "yuv420p")) == BT601


@pytest.mark.parametrize("colors", [BT601, BT709, FULL, Colors(9, 9, 16)])
def test_what_a_frame_says(colors: Colors) -> None:
    assert colors_of(flat(100, 128, 128, colors)) == colors


def test_what_makes_no_sense_is_filled_in() -> None:
    frame = av.VideoFrame(64, 48, "yuvj420p")
    frame.colorspace, frame.color_primaries, frame.color_trc = 0, 2, 2  # RGB, unspecified
    assert colors_of(frame) == Colors(6, 6, 6, full_range=True)
    frame.colorspace = 5
    assert colors_of(frame) == Colors(6, 6, 6, full_range=True), "BT.601 has two numbers"


@pytest.mark.parametrize("colors", [BT601, BT709, FULL])
def test_frames_in_the_canvas_own_colors_are_left_alone(colors: Colors) -> None:
    frame = flat(81, 90, 240, colors)
    assert Canvas(SIZE, colors).fit(frame) is frame


@pytest.mark.parametrize(
    ("own", "red"), [(BT709, (63, 102, 240)), (FULL, (54, 99, 255)), (BT601, (81, 90, 240))]
)
@pytest.mark.parametrize("size", [SIZE, CanvasSize(32, 24)])
def test_others_are_converted(own: Colors, red: tuple[int, int, int], size: CanvasSize) -> None:
    made = Canvas(size, BT601).fit(flat(*red, own))
    assert (made.width, made.height, colors_of(made)) == (size.width, size.height, BT601)
    assert samples(made) == pytest.approx([81, 90, 240], abs=2)


@pytest.mark.parametrize(("colors", "luma"), [(BT601, 16), (FULL, 0)])
def test_black_is_black_in_its_range(colors: Colors, luma: int) -> None:
    canvas = Canvas(SIZE, colors)
    assert samples(canvas.black) == [luma, 128, 128]
    assert colors_of(canvas.black) == colors
    wide = canvas.fit(av.VideoFrame(64, 16, "yuv420p"))
    assert bytes(wide.planes[0])[0] == luma
